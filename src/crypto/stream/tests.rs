use proptest::prelude::*;

use super::*;

fn sealed(key: &StreamKey, context: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut writer = Encryptor::new(Vec::new(), key, context).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

/// What could be read, and the fault that ended it.
fn opened(key: &StreamKey, context: &[u8], stream: &[u8]) -> (Vec<u8>, Option<io::Error>) {
    let mut plain = Vec::new();
    let outcome = Decryptor::new(stream, key, context).and_then(|mut reader| reader.read_to_end(&mut plain));
    (plain, outcome.err())
}

fn plain(size: usize) -> Vec<u8> {
    (0..size).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
}

/// A changed stream: refused, with nothing given away but whole chunks of the original.
fn assert_refused(key: &StreamKey, original: &[u8], stream: &[u8], what: &str) {
    let (read, fault) = opened(key, b"context", stream);
    let fault = fault.unwrap_or_else(|| panic!("{what}: accepted"));
    assert!(StreamError::of(&fault).is_some(), "{what}: {fault}");
    assert!(original.starts_with(&read) && read.len() % CHUNK_BYTES == 0, "{what}: gave {} bytes", read.len());
}

#[test]
fn stream_of_every_length_comes_back() {
    let key = StreamKey::generate();
    for size in [0, 1, 16_383, 16_384, 16_385, 5 * 16_384, 5 * 16_384 + 77] {
        let (plain, stream) = (plain(size), sealed(&key, b"context", &plain(size)));
        assert_eq!(stream.len() as u64, sealed_size(size as u64));
        assert_eq!(plain_size(stream.len() as u64), Some(size as u64));
        let (read, fault) = opened(&key, b"context", &stream);
        assert!(fault.is_none() && read == plain, "{size}: {fault:?}");
    }
}

#[test]
fn sizes_that_no_stream_has_are_known() {
    for impossible in [0, 55, 56, 71, 56 + 16_400, 56 + 16_400 + 15] {
        assert_eq!(plain_size(impossible), None, "{impossible}");
    }
}

#[test]
fn published_vectors_come_out_byte_for_byte() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert!(vectors.len() >= 6);
    for vector in vectors {
        let key = StreamKey::new(bytes(&vector.key).try_into().unwrap());
        let (context, salt) = (bytes(&vector.context), bytes(&vector.salt).try_into().unwrap());
        let mut writer = Encryptor::with_salt(Vec::new(), &key, &context, &salt).unwrap();
        writer.write_all(&plain(vector.plain_size)).unwrap();
        let stream = writer.finish().unwrap();
        assert_eq!(hex::encode(&stream[SALT_BYTES..HEAD_BYTES]), vector.commitment);
        assert_eq!(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&stream)), vector.stream_sha256);
    }
}

#[derive(serde::Deserialize)]
struct Vector {
    key: String,
    context: String,
    salt: String,
    plain_size: usize,
    commitment: String,
    stream_sha256: String,
}

fn bytes(hex_digits: &str) -> Vec<u8> {
    hex::decode(hex_digits).unwrap()
}

#[test]
fn every_changed_bit_is_refused() {
    let key = StreamKey::generate();
    let original = plain(40);
    let stream = sealed(&key, b"context", &original);
    for bit in 0..stream.len() * 8 {
        let mut changed = stream.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_refused(&key, &original, &changed, &format!("bit {bit}"));
    }
}

#[test]
fn every_cut_is_refused() {
    let key = StreamKey::generate();
    let original = plain(CHUNK_BYTES + 50);
    let stream = sealed(&key, b"context", &original);
    for length in 0..stream.len() {
        assert_refused(&key, &original, &stream[..length], &format!("cut at {length}"));
    }
}

#[test]
fn chunks_that_are_swapped_dropped_repeated_or_added_are_refused() {
    let key = StreamKey::generate();
    let original = plain(3 * CHUNK_BYTES + 9);
    let stream = sealed(&key, b"context", &original);
    let (head, chunks) = stream.split_at(HEAD_BYTES);
    let chunks: Vec<&[u8]> = chunks.chunks(SEALED_CHUNK_BYTES).collect();
    for order in [&[1, 0, 2, 3][..], &[0, 2, 3], &[0, 1, 1, 2, 3], &[0, 1, 2], &[3], &[0, 1, 2, 3, 3]] {
        let changed: Vec<u8> = head.iter().copied().chain(order.iter().flat_map(|&n| chunks[n].to_vec())).collect();
        assert_refused(&key, &original, &changed, &format!("{order:?}"));
    }
}

#[test]
fn another_key_or_context_is_told_from_damage() {
    let key = StreamKey::generate();
    let stream = sealed(&key, b"context", b"text");
    for (key, context) in [(&StreamKey::generate(), &b"context"[..]), (&key, b"other"), (&key, b"")] {
        let (read, fault) = opened(key, context, &stream);
        assert_eq!((read.len(), StreamError::of(&fault.unwrap())), (0, Some(StreamError::WrongKey)));
    }
    let mut damaged = sealed(&key, b"context", &plain(CHUNK_BYTES + 1));
    *damaged.last_mut().unwrap() ^= 1;
    let (_, fault) = opened(&key, b"context", &damaged);
    assert_eq!(StreamError::of(&fault.unwrap()), Some(StreamError::Damaged { at: CHUNK_BYTES as u64 }));
}

#[test]
fn nothing_is_read_behind_a_fault() {
    let key = StreamKey::generate();
    let mut stream = sealed(&key, b"context", &plain(2 * CHUNK_BYTES));
    stream[HEAD_BYTES] ^= 1;
    let mut reader = Decryptor::new(&stream[..], &key, b"context").unwrap();
    let mut into = [0; 100];
    for _ in 0..3 {
        assert!(reader.read(&mut into).is_err());
    }
}

#[test]
fn stream_without_its_end_is_refused() {
    let key = StreamKey::generate();
    let mut stream = Vec::new();
    let mut writer = Encryptor::new(&mut stream, &key, b"context").unwrap();
    writer.write_all(&plain(CHUNK_BYTES)).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_refused(&key, &plain(CHUNK_BYTES), &stream, "unfinished");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn reading_from_any_byte_gives_the_rest(size in 0usize..70_000, from in 0usize..80_000, piece in 1usize..40_000) {
        let key = StreamKey::generate();
        let original = plain(size);
        let mut writer = Encryptor::new(Vec::new(), &key, b"context").unwrap();
        for part in original.chunks(piece) {
            writer.write_all(part).unwrap();
        }
        let stream = writer.finish().unwrap();
        let mut file = io::Cursor::new([&b"before"[..], &stream].concat());
        file.set_position(6);
        let mut reader = Decryptor::seekable(file, &key, b"context").unwrap();
        reader.seek_to(from as u64).unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        prop_assert_eq!(&read[..], &original[from.min(size)..]);
    }

    #[test]
    fn random_changes_of_long_streams_are_refused(size in 0usize..70_000, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let key = StreamKey::generate();
        let original = plain(size);
        let mut stream = sealed(&key, b"context", &original);
        let at = at.index(stream.len());
        stream[at] ^= 1 << bit;
        assert_refused(&key, &original, &stream, &format!("byte {at} of {size}"));
    }
}
