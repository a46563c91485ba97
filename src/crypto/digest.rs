//! SHA-256 of bytes on their way, so that nobody has to read them twice.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// Hashes and counts what passes, on its way out or in.
pub struct Digesting<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

/// What has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
}

impl<T> Digesting<T> {
    /// Begins in front of `inner`.
    pub fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// Gives back what stood behind it, and what has passed.
    pub fn finish(self) -> (T, Digest) {
        (self.inner, Digest { bytes: self.bytes, sha256: hex::encode(self.hash.finalize()) })
    }

    fn count(&mut self, passed: &[u8]) {
        self.hash.update(passed);
        self.bytes += passed.len() as u64;
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.count(&into[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, as a socket does.
    struct Slow(Vec<u8>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(3);
            self.0.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_what_has_passed_is_counted_in_both_directions() {
        let expected = Digest { bytes: 8, sha256: hex::encode(Sha256::digest(b"rukoruko")) };
        let mut out = Digesting::new(Slow(Vec::new()));
        out.write_all(b"rukoruko").unwrap();
        let (slow, digest) = out.finish();
        assert_eq!((slow.0.as_slice(), &digest), (&b"rukoruko"[..], &expected));
        let mut into = Digesting::new(&b"rukoruko!"[..]);
        into.read_exact(&mut [0; 8]).unwrap();
        assert_eq!(into.finish(), (&b"!"[..], expected));
    }
}
