use std::io::Cursor;

use super::*;

fn head() -> Head {
    Head { tenant_id: "warung-1".into(), backup_id: "b1".into(), key_id: "k1".into() }
}

fn pack(key: &StreamKey, database: &[u8], is_compressed: bool) -> (Vec<u8>, Digest) {
    let mut packer = Packer::new(Vec::new(), key, &head(), is_compressed).unwrap();
    packer.write_all(database).unwrap();
    let describe = |payload: &Digest| {
        Ok::<_, io::Error>(Manifest {
            ruko_version: "0".into(),
            kind: "manual".into(),
            created_at_ms: 1,
            schema_version: 1,
            is_compressed,
            database_bytes: database.len() as u64,
            payload_sha256: payload.sha256.clone(),
            row_counts: BTreeMap::from([("products".into(), 3)]),
        })
    };
    packer.finish(describe).unwrap()
}

fn unpack(key: &StreamKey, file: &[u8]) -> Result<(Manifest, Vec<u8>), ContainerError> {
    let mut database = Vec::new();
    let manifest = Unpacker::open(Cursor::new(file), key)?.unpack(&mut database, u64::MAX)?;
    Ok((manifest, database))
}

fn database(size: usize) -> Vec<u8> {
    (0..size).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

#[test]
fn backup_comes_back_with_its_manifest() {
    let key = StreamKey::generate();
    for size in [0, 1, 4096, 16_384, 100_000] {
        for is_compressed in [true, false] {
            let (file, packed) = pack(&key, &database(size), is_compressed);
            assert_eq!(read_head(&mut &file[..]).unwrap(), head());
            let (manifest, back) = unpack(&key, &file).unwrap();
            assert!(back == database(size), "{size} {is_compressed}");
            assert_eq!((manifest.row_counts["products"], manifest.payload_sha256), (3, packed.sha256));
        }
    }
}

#[test]
fn payload_of_a_compressed_backup_is_one_zstd_frame_and_of_a_plain_one_the_database() {
    let key = StreamKey::generate();
    for is_compressed in [true, false] {
        let (file, packed) = pack(&key, &database(50_000), is_compressed);
        let read = |from: u64| {
            let mut bytes = Vec::new();
            Unpacker::open(Cursor::new(&file), &key).unwrap().payload(from).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        let payload = read(0);
        assert_eq!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&payload)), packed.sha256);
        let found = if is_compressed { zstd::decode_all(&payload[..]).unwrap() } else { payload.clone() };
        assert!(found == database(50_000));
        for from in [1, 16_384, packed.bytes - 1, packed.bytes, packed.bytes + 9] {
            let at = usize::try_from(from.min(packed.bytes)).unwrap();
            assert!(read(from) == payload[at..], "from {from}");
        }
    }
}

#[test]
fn every_changed_bit_and_every_cut_of_a_small_backup_is_refused() {
    let key = StreamKey::generate();
    let (file, _) = pack(&key, &database(300), true);
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(unpack(&key, &changed).is_err(), "bit {bit}");
    }
    for length in 0..file.len() {
        assert!(unpack(&key, &file[..length]).is_err(), "cut at {length}");
    }
    assert!(unpack(&key, &[&file[..], b"x"].concat()).is_err(), "with a byte more");
}

#[test]
fn head_of_another_backup_does_not_open_it() {
    let key = StreamKey::generate();
    let (file, _) = pack(&key, &database(300), true);
    let text = String::from_utf8_lossy(&file);
    assert!(text.contains("warung-1"));
    let position = file.windows(8).position(|window| window == b"warung-1").unwrap();
    let mut other = file.clone();
    other[position..position + 8].copy_from_slice(b"warung-2");
    let refused = Unpacker::open(Cursor::new(&other), &key).err().unwrap();
    assert!(matches!(refused, ContainerError::Stream(StreamError::WrongKey)), "{refused}");
}

#[test]
fn foreign_and_newer_files_are_named() {
    let key = StreamKey::generate();
    let open = |bytes: &[u8]| Unpacker::open(Cursor::new(bytes.to_vec()), &key).err().unwrap();
    assert!(matches!(open(b""), ContainerError::Foreign));
    assert!(matches!(open(b"SQLite format 3\0"), ContainerError::Foreign));
    assert!(matches!(open(&[b'\n'; 5000]), ContainerError::Foreign));
    assert!(matches!(open(b"ruko-backup/2\n{}\n"), ContainerError::Newer));
    assert!(matches!(open(b"ruko-backup/1\n{}\n"), ContainerError::Foreign));
}

#[test]
fn backup_is_not_unpacked_past_a_bound() {
    let key = StreamKey::generate();
    let (file, _) = pack(&key, &vec![0; 5_000_000], true);
    let refused = Unpacker::open(Cursor::new(&file), &key).unwrap().unpack(&mut Vec::new(), 1_000_000);
    assert!(matches!(refused, Err(ContainerError::TooLarge(1_000_000))));
}

#[test]
fn nothing_of_the_content_is_readable_in_the_file() {
    let key = StreamKey::generate();
    let (file, _) = pack(&key, b"Nasi Goreng Istimewa, Nasi Goreng Istimewa", false);
    assert!(!file.windows(10).any(|window| window == b"Nasi Goren" || window == b"row_counts"));
}
