//! IDX files, as MNIST and Fashion-MNIST have them: a big-endian header, then bytes. Plain or gzip.

use std::io::Read;

use flate2::read::GzDecoder;

/// Unpacked, at most this much is read.
const MAX_BYTES: u64 = 8 << 30;

/// Bytes in rows of `item` bytes each.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Idx {
    /// Sizes: items first.
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<u8>,
}

impl Idx {
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn read(bytes: &[u8]) -> Result<Idx, String> {
        let mut unpacked = Vec::new();
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
            GzDecoder::new(bytes).take(MAX_BYTES).read_to_end(&mut unpacked).map_err(|e| format!("the gzip file is damaged: {e}"))?;
            &unpacked[..]
        } else {
            bytes
        };
        let header = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let [0, 0, 8, dimensions @ 1..=4] = bytes.get(..4).unwrap_or_default() else {
            return Err("it is not an IDX file of bytes".to_owned());
        };
        let shape: Option<Vec<usize>> = (0..usize::from(*dimensions)).map(|i| header(4 + 4 * i)).collect();
        let shape = shape.ok_or("its header is cut short")?;
        let values = &bytes[4 + 4 * shape.len()..];
        let expected = shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        if expected != Some(values.len()) {
            return Err(format!("its header promises {shape:?} values, but {} bytes follow", values.len()));
        }
        Ok(Idx { values: values.to_vec(), shape })
    }

    /// Bytes an item has.
    pub(super) fn item(&self) -> usize {
        self.shape[1..].iter().product()
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
        Idx::read(&huge).unwrap_err();
    }
}
