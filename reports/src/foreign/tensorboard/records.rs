//! The framing of event files: `TFRecord`.
//!
//! A record is its length (u64, little-endian), a checksum of that, its bytes, and a checksum of them. Checksums are CRC-32C, masked so that the checksum of
//! something with checksums in it stays a good one.

/// Appends a record to `file`.
pub(super) fn append(file: &mut Vec<u8>, record: &[u8]) {
    let length = (record.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(record);
    file.extend(masked(record).to_le_bytes());
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The records of a file; `None` where a length or checksum is wrong.
#[cfg(test)]
pub(super) fn read(mut file: &[u8]) -> Option<Vec<&[u8]>> {
    let mut records = Vec::new();
    let checked = |bytes: &[u8], sum: &[u8]| Some(()).filter(|()| masked(bytes).to_le_bytes() == *sum);
    while !file.is_empty() {
        let (length, rest) = file.split_first_chunk::<8>()?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        checked(length, sum)?;
        let (record, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        checked(record, sum)?;
        records.push(record);
        file = rest;
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed_as_tensorflow_does() {
        // Of RFC 3720, B.4, and the beginning of every event file: a record of 24 bytes.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        let mut file = Vec::new();
        append(&mut file, &[0; 24]);
        assert_eq!(file[..12], *b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22");
        append(&mut file, b"");
        append(&mut file, b"two");
        assert_eq!(read(&file).unwrap(), [&[0; 24][..], b"", b"two"]);
        for place in 0..file.len() {
            let mut damaged = file.clone();
            damaged[place] ^= 1;
            assert!(read(&damaged).is_none(), "byte {place}");
        }
    }
}
