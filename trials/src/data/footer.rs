//! What a Parquet file's footer may hold, looked at before polars reads it. Polars goes down into itself for each level of nesting, of which a few hundred kilobytes
//! have enough to end the process, and makes room for as many elements as a list says to have: nothing catches either.

mod types;

use types::{FILE, Fields, Type};

/// Levels of groups within groups: a text or a label is at the first or second.
const MAX_DEPTH: usize = 64;
/// The types of fields are nested less deep than this.
const MAX_STRUCTS: usize = 16;
const MAGIC: &[u8] = b"PAR1";

/// Refuses a file that is nested too deep, or whose footer cannot be followed or has fields of other types than a footer's. (Apache Thrift's compact protocol; `FileMetaData` of parquet.thrift.)
pub(super) fn check(file: &[u8]) -> Result<(), String> {
    let damaged = || "its footer is damaged".to_owned();
    let rest = file.strip_suffix(MAGIC).filter(|rest| rest.starts_with(MAGIC)).ok_or("it does not begin and end as one")?;
    let (rest, length) = rest.split_last_chunk::<4>().ok_or_else(damaged)?;
    let start = rest.len().checked_sub(u32::from_le_bytes(*length) as usize).ok_or_else(damaged)?;
    Reader(&rest[start..]).fields(FILE).ok_or_else(damaged)?;
    let deepest = Reader(&rest[start..]).deepest().ok_or_else(damaged)?;
    if deepest > MAX_DEPTH { Err(format!("its columns are nested more than {MAX_DEPTH} levels deep")) } else { Ok(()) }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

/// Types of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

impl Type {
    fn code(&self) -> u8 {
        match self {
            Type::Truth => TRUE,
            Type::Byte => BYTE,
            Type::I16 => I16,
            Type::I32 => I32,
            Type::I64 => I64,
            Type::Bytes => BINARY,
            Type::List(_) => LIST,
            Type::Struct(_) => STRUCT,
        }
    }
}

/// `FileMetaData.schema` and `SchemaElement.num_children`.
const SCHEMA: i64 = 2;
const CHILDREN: i64 = 5;

impl Reader<'_> {
    /// The deepest element of any schema, as far as it is of interest; `None` where it cannot be followed.
    fn deepest(&mut self) -> Option<usize> {
        let (mut id, mut deepest) = (0, 0);
        while let kind @ 1.. = self.field(&mut id)? {
            if id == SCHEMA && kind == LIST {
                deepest = deepest.max(self.schema()?);
            } else {
                self.skip(kind, 0)?;
            }
        }
        Some(deepest)
    }

    /// A struct with these fields, and others that are not known.
    fn fields(&mut self, known: Fields) -> Option<()> {
        let mut id = 0;
        while let kind @ 1.. = self.field(&mut id)? {
            match known.iter().find(|(number, _)| *number == id) {
                None => self.skip(kind, 0)?,
                // Where it stands in a struct, its type is its value.
                Some((_, Type::Truth)) if matches!(kind, TRUE | FALSE) => {}
                Some((_, wanted)) if kind == wanted.code() => self.value(wanted)?,
                Some(_) => return None,
            }
        }
        Some(())
    }

    /// One value, down to what lists and structs hold.
    fn value(&mut self, wanted: &Type) -> Option<()> {
        match wanted {
            Type::Struct(fields) => self.fields(fields),
            Type::List(element) => {
                let (count, kind) = self.list()?;
                // An empty list may say anything.
                if count > 0 && kind != element.code() {
                    return None;
                }
                (0..count).try_for_each(|_| self.value(element))
            }
            Type::Truth | Type::Byte | Type::I16 | Type::I32 | Type::I64 | Type::Bytes => self.skip_all(1, &[wanted.code()], 0),
        }
    }

    /// Elements stand in the order of a walk through the tree, each group before what is in it.
    fn schema(&mut self) -> Option<usize> {
        let (count, kind) = self.list()?;
        if kind != STRUCT {
            return None;
        }
        // Of each open group, the elements that are still to come.
        let (mut open, mut deepest): (Vec<i64>, usize) = (Vec::new(), 0);
        for _ in 0..count {
            while open.pop_if(|left| *left == 0).is_some() {}
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            let (mut id, mut children) = (0, 0);
            while let kind @ 1.. = self.field(&mut id)? {
                if id == CHILDREN && kind == I32 {
                    children = self.number()?;
                } else {
                    self.skip(kind, 0)?;
                }
            }
            if children > 0 {
                open.push(children);
                deepest = deepest.max(open.len());
            }
            if deepest > MAX_DEPTH {
                break;
            }
        }
        Some(deepest)
    }

    /// The type of the next field, whose number becomes `id`; 0 at the end of a struct.
    fn field(&mut self, id: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(0);
        }
        *id = if byte >> 4 == 0 { self.number()? } else { id.checked_add(i64::from(byte >> 4))? };
        Some(byte & 15).filter(|kind| *kind > 0)
    }

    /// How many elements of which type.
    fn list(&mut self) -> Option<(u64, u8)> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Some((count, byte & 15))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_STRUCTS {
            return None;
        }
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.byte().map(drop),
            I16 | I32 | I64 => self.varint().map(drop),
            DOUBLE => self.bytes(8),
            BINARY => {
                let length = self.varint()?;
                self.bytes(length)
            }
            LIST | SET => {
                let (count, kind) = self.list()?;
                self.skip_all(count, &[kind], depth)
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                self.skip_all(count, &[kinds >> 4, kinds & 15], depth)
            }
            STRUCT => {
                let mut id = 0;
                while let kind @ 1.. = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    /// Values in lists and maps, where a truth takes a byte.
    fn skip_all(&mut self, count: u64, kinds: &[u8], depth: usize) -> Option<()> {
        for _ in 0..count {
            for kind in kinds {
                if matches!(*kind, TRUE | FALSE) { self.byte().map(drop)? } else { self.skip(*kind, depth + 1)? }
            }
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn bytes(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// A signed one.
    fn number(&mut self) -> Option<i64> {
        let folded = self.varint()?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer with a group in a group and so on.
    fn nested(levels: usize) -> Vec<u8> {
        // Version 1; a list of structs of any number.
        let mut footer = vec![0x15, 0x02, 0x19, 0xf0 | STRUCT];
        let mut left = levels + 1;
        while left > 127 {
            footer.push(left as u8 | 128);
            left >>= 7;
        }
        footer.push(left as u8);
        for _ in 0..levels {
            // Optional, called `a`, of one child.
            footer.extend([0x35, 0x02, 0x18, 1, b'a', 0x15, 0x02, 0]);
        }
        // Bytes, optional, called `a`.
        footer.extend([0x15, 0x0c, 0x25, 0x02, 0x18, 1, b'a', 0]);
        // No rows, no groups of them.
        footer.extend([0x16, 0, 0x19, 0x0c, 0]);
        let length = footer.len() as u32;
        [MAGIC, &footer, &length.to_le_bytes(), MAGIC].concat()
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        check(&nested(MAX_DEPTH)).unwrap();
        insta::assert_snapshot!(check(&nested(MAX_DEPTH + 1)).unwrap_err(), @"its columns are nested more than 64 levels deep");
        // polars would overflow its stack.
        insta::assert_snapshot!(check(&nested(1_000_000)).unwrap_err(), @"its columns are nested more than 64 levels deep");
    }

    /// polars reads a field as what its number says, whatever type the file gives it, and makes room for as many elements as the bytes then say.
    #[test]
    fn what_has_another_type_than_its_number_says_is_refused() {
        let file = |footer: &[u8]| [MAGIC, footer, &(footer.len() as u32).to_le_bytes(), MAGIC].concat();
        // The schema as a number of five bytes, which as a list has millions of elements.
        insta::assert_snapshot!(check(&file(&[0x15, 2, 0x16, 0xfc, 0xff, 0xff, 0xff, 0x7f, 0x16, 0, 0x19, 0x0c, 0])).unwrap_err(), @"its footer is damaged");
        // A list of numbers in the place of one of structs.
        insta::assert_snapshot!(check(&file(&[0x15, 2, 0x19, 0x15, 2, 0x16, 0, 0x19, 0x0c, 0])).unwrap_err(), @"its footer is damaged");
        check(&file(&[0x15, 2, 0x19, 0x0c, 0x16, 0, 0x19, 0x0c, 0])).unwrap();
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let whole = nested(3);
        insta::assert_snapshot!(check(b"PAR1").unwrap_err(), @"it does not begin and end as one");
        insta::assert_snapshot!(check(&whole[..whole.len() - 1]).unwrap_err(), @"it does not begin and end as one");
        insta::assert_snapshot!(check(b"PAR1\xff\xff\xff\xffPAR1").unwrap_err(), @"its footer is damaged");
        let structs = [&[0x1c; 100][..], &[0; 101]].concat();
        let endless = [MAGIC, &structs, &(structs.len() as u32).to_le_bytes(), MAGIC].concat();
        insta::assert_snapshot!(check(&endless).unwrap_err(), @"its footer is damaged");
    }
}
