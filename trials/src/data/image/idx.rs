//! IDX files, as MNIST and Fashion-MNIST have them: a big-endian header, then bytes. Plain or gzip.

use std::io::{self, ErrorKind, Read};

use flate2::read::GzDecoder;

/// Values that are read into memory: MNIST has 47 million, the largest sets of its kind twenty times as many.
const MAX_BYTES: u64 = 4 << 30;

/// Bytes in rows of `item` bytes each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Idx {
    /// Sizes: items first.
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<u8>,
}

impl Idx {
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn read(bytes: &[u8]) -> Result<Idx, String> {
        let packed = bytes.starts_with(&[0x1f, 0x8b]);
        let mut reader: Box<dyn Read + '_> = if packed { Box::new(GzDecoder::new(bytes)) } else { Box::new(bytes) };
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::UnexpectedEof => "its header is cut short".to_owned(),
            _ => format!("the gzip file is damaged: {error}"),
        };
        let mut word = || {
            let mut word = [0; 4];
            reader.read_exact(&mut word).map(|()| word)
        };
        let [0, 0, 8, dimensions @ 1..=4] = word().map_err(failed)? else {
            return Err("it is not an IDX file of bytes".to_owned());
        };
        let sizes = (0..dimensions).map(|_| word().map(|size| u64::from(u32::from_be_bytes(size))));
        let sizes: Vec<u64> = sizes.collect::<io::Result<_>>().map_err(failed)?;
        let expected = sizes.iter().try_fold(1u64, |product, size| product.checked_mul(*size)).filter(|bytes| *bytes <= MAX_BYTES);
        let Some(expected) = expected else {
            return Err(format!("its header promises {sizes:?} values; at most {MAX_BYTES} are read"));
        };
        // Neither room for what the header claims, nor more than that of what a few packed bytes may unpack to.
        let mut values = Vec::new();
        reader.take(expected + 1).read_to_end(&mut values).map_err(failed)?;
        if values.len() as u64 != expected {
            let found = if values.len() as u64 > expected { "more".to_owned() } else { format!("{}", values.len()) };
            return Err(format!("its header promises {sizes:?} values, but {found} bytes follow"));
        }
        Ok(Idx { values, shape: sizes.into_iter().map(|size| size as usize).collect() })
    }

    /// Bytes an item has.
    pub(crate) fn item(&self) -> usize {
        // Where there are no items, sizes of theirs may be any.
        self.shape[1..].iter().fold(1, |product, size| product.saturating_mul(*size))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn plain_and_packed_files_are_read_and_damaged_ones_refused() {
        let plain = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], &[1, 2, 3, 4]].concat();
        let read = Idx::read(&plain).unwrap();
        assert_eq!((read.item(), &read), (2, &Idx { shape: vec![2, 1, 2], values: vec![1, 2, 3, 4] }));
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&plain).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(Idx::read(&packed).unwrap(), read);
        for damaged in [&plain[..15], &plain[..19], &packed[..packed.len() / 2], b"", b"\0\0\x0d\x01"] {
            Idx::read(damaged).unwrap_err();
        }
        let mut huge = plain.clone();
        huge[4..16].fill(0xff);
        insta::assert_snapshot!(Idx::read(&huge).unwrap_err(), @"its header promises [4294967295, 4294967295, 4294967295] values; at most 4294967296 are read");
        let nothing = [&[0, 0, 8, 4, 0, 0, 0, 0][..], &[0xff; 12]].concat();
        assert_eq!(Idx::read(&nothing).map(|read| read.item()), Ok(usize::MAX));
    }

    #[test]
    fn no_more_is_unpacked_than_the_header_promises() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&[0, 0, 8, 1, 0, 0, 0, 2]).unwrap();
        packed.write_all(&vec![0; 64 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 1 << 17);
        insta::assert_snapshot!(Idx::read(&packed).unwrap_err(), @"its header promises [2] values, but more bytes follow");
    }
}
