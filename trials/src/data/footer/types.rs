//! What the fields of a Parquet footer are, by the number of each (`FileMetaData` of parquet.thrift): polars takes a field for what its number says, whatever
//! type the file gives it, and would make room for as many elements as any bytes may say.

/// A field's type.
pub(super) enum Type {
    Truth,
    Byte,
    I16,
    I32,
    I64,
    Bytes,
    List(&'static Type),
    Struct(Fields),
}

pub(super) type Fields = &'static [(i64, Type)];

use Type::{Byte, Bytes, I16, I32, I64, List, Struct, Truth};

pub(super) const FILE: Fields = &[
    (1, I32),
    (2, List(&Struct(ELEMENT))),
    (3, I64),
    (4, List(&Struct(ROW_GROUP))),
    (5, List(&Struct(KEY_VALUE))),
    (6, Bytes),
    (7, List(&Struct(&[(1, Struct(&[]))]))),
    (8, Struct(ENCRYPTION)),
    (9, Bytes),
];

/// `SchemaElement`.
const ELEMENT: Fields =
    &[(1, I32), (2, I32), (3, I32), (4, Bytes), (5, I32), (6, I32), (7, I32), (8, I32), (9, I32), (10, Struct(LOGICAL))];

const LOGICAL: Fields = &[
    (1, Struct(&[])),
    (2, Struct(&[])),
    (3, Struct(&[])),
    (4, Struct(&[])),
    (5, Struct(&[(1, I32), (2, I32)])),
    (6, Struct(&[])),
    (7, Struct(TIME)),
    (8, Struct(TIME)),
    (10, Struct(&[(1, Byte), (2, Truth)])),
    (11, Struct(&[])),
    (12, Struct(&[])),
    (13, Struct(&[])),
    (14, Struct(&[])),
    (15, Struct(&[])),
    (16, Struct(&[(1, Byte)])),
    (17, Struct(&[(1, Bytes)])),
    (18, Struct(&[(1, Bytes), (2, I32)])),
];

const TIME: Fields = &[(1, Truth), (2, Struct(&[(1, Struct(&[])), (2, Struct(&[])), (3, Struct(&[]))]))];

const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN))),
    (2, I64),
    (3, I64),
    (4, List(&Struct(&[(1, I32), (2, Truth), (3, Truth)]))),
    (5, I64),
    (6, I64),
    (7, I16),
];

/// `ColumnChunk`.
const COLUMN: Fields = &[
    (1, Bytes),
    (2, I64),
    (3, Struct(COLUMN_DATA)),
    (4, I64),
    (5, I32),
    (6, I64),
    (7, I32),
    (8, Struct(&[(1, Struct(&[])), (2, Struct(&[(1, List(&Bytes)), (2, Bytes)]))])),
    (9, Bytes),
];

/// `ColumnMetaData`.
const COLUMN_DATA: Fields = &[
    (1, I32),
    (2, List(&I32)),
    (3, List(&Bytes)),
    (4, I32),
    (5, I64),
    (6, I64),
    (7, I64),
    (8, List(&Struct(KEY_VALUE))),
    (9, I64),
    (10, I64),
    (11, I64),
    (12, Struct(STATISTICS)),
    (13, List(&Struct(&[(1, I32), (2, I32), (3, I32)]))),
    (14, I64),
    (15, I32),
    (16, Struct(&[(1, I64), (2, List(&I64)), (3, List(&I64))])),
    (17, Struct(GEOSPATIAL)),
];

const STATISTICS: Fields = &[(1, Bytes), (2, Bytes), (3, I64), (4, I64), (5, Bytes), (6, Bytes), (7, Truth), (8, Truth)];

/// Its box is of doubles, which nothing here needs to tell from what is unknown.
const GEOSPATIAL: Fields = &[(2, List(&I32))];

const KEY_VALUE: Fields = &[(1, Bytes), (2, Bytes)];

const AES: Fields = &[(1, Bytes), (2, Bytes), (3, Truth)];

const ENCRYPTION: Fields = &[(1, Struct(AES)), (2, Struct(AES))];
