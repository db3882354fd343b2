//! Whether the codes of a JPEG make up its blocks.
//!
//! The decoder goes on with zeros where codes end too soon or values go beyond a block, and says nothing: a stretch of the file that was lost
//! leaves noise, and grey below it. Here the codes of a sequential JPEG are followed without being turned into pixels. (ITU-T T.81, annex
//! F.2.)

/// More bytes than these between the last code and the mark after it are codes that lost their blocks, unless they are filling. (Some
/// cameras leave a few bytes; libjpeg calls any "extraneous".)
const MOST_SPARE: usize = 16;

/// Values of a Huffman code in the order of their codes.
#[derive(Debug, Clone)]
struct Table {
    /// Of the codes of each length, from 1: the end of their range among numbers of 16 bits, and what is added to a code to give its
    /// position in `values`.
    lengths: [(u32, i32); 16],
    values: Vec<u8>,
}

/// A component of the picture: its name and sampling factors.
#[derive(Debug, Clone, Copy)]
struct Component {
    id: u8,
    across: usize,
    down: usize,
}

/// Why following the codes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// A mark stands where a code should, a code is none, a value lies beyond its block, or codes are left.
    Damaged,
    /// Progressive, or wrong in a way that the decoder tells.
    Unknown,
}

/// Whether the codes of `jpeg` cannot be right. `false` also for what is not sequential.
pub(super) fn is_damaged(jpeg: &[u8]) -> bool {
    walk(jpeg) == Err(Ended::Damaged)
}

fn walk(jpeg: &[u8]) -> Result<(), Ended> {
    let mut tables: [[Option<Table>; 4]; 2] = Default::default();
    let (mut components, mut width, mut height, mut interval) = (Vec::new(), 0, 0, 0);
    let mut at = 2;
    loop {
        let marker;
        (marker, at) = next_marker(jpeg, at)?;
        match marker {
            0xd9 => return Ok(()),
            // Without contents.
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let length = word(jpeg, at)?;
        let segment = jpeg.get(at + 2..at + length).ok_or(Ended::Unknown)?;
        at += length;
        match marker {
            0xc4 => read_tables(segment, &mut tables)?,
            0xc0 | 0xc1 => {
                (height, width) = (word(segment, 1)?, word(segment, 3)?);
                components = read_components(segment.get(5..).unwrap_or_default())?;
            }
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Ended::Unknown),
            0xdd => interval = word(segment, 0)?,
            0xda => {
                if width == 0 || height == 0 {
                    return Err(Ended::Unknown);
                }
                let scan = Scan::new(segment, &components, &tables, (width, height))?;
                at = scan.walk(jpeg, at, interval)?;
            }
            _ => {}
        }
    }
}

/// The next mark from `at` on, and where what follows it begins.
fn next_marker(jpeg: &[u8], at: usize) -> Result<(u8, usize), Ended> {
    let rest = jpeg.get(at..).unwrap_or_default();
    let found = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)).ok_or(Ended::Unknown)?;
    Ok((rest[found + 1], at + found + 2))
}

fn word(bytes: &[u8], at: usize) -> Result<usize, Ended> {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => Ok(usize::from(u16::from_be_bytes([high, low]))),
        _ => Err(Ended::Unknown),
    }
}

fn read_tables(mut segment: &[u8], tables: &mut [[Option<Table>; 4]; 2]) -> Result<(), Ended> {
    while let [place, rest @ ..] = segment {
        let (counts, rest) = rest.split_at_checked(16).ok_or(Ended::Unknown)?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (values, rest) = rest.split_at_checked(total).ok_or(Ended::Unknown)?;
        let (mut code, mut position) = (0u32, 0i32);
        let mut lengths = [(0, 0); 16];
        for ((length, count), entry) in (1..).zip(counts).zip(&mut lengths) {
            let first = code;
            code += u32::from(*count);
            *entry = (code << (16 - length), position - first as i32);
            position += i32::from(*count);
            code <<= 1;
        }
        let table = tables.get_mut(usize::from(place >> 4)).and_then(|kind| kind.get_mut(usize::from(place & 15)));
        *table.ok_or(Ended::Unknown)? = Some(Table { lengths, values: values.to_vec() });
        segment = rest;
    }
    Ok(())
}

fn read_components(bytes: &[u8]) -> Result<Vec<Component>, Ended> {
    let (count, rest) = bytes.split_first().ok_or(Ended::Unknown)?;
    let component = |entry: &[u8]| {
        let component = Component { id: entry[0], across: usize::from(entry[1] >> 4), down: usize::from(entry[1] & 15) };
        let fits = (1..=4).contains(&component.across) && (1..=4).contains(&component.down);
        if fits { Ok(component) } else { Err(Ended::Unknown) }
    };
    let components: Vec<Component> = rest.chunks_exact(3).take(usize::from(*count)).map(component).collect::<Result<_, _>>()?;
    if components.is_empty() || components.len() != usize::from(*count) { Err(Ended::Unknown) } else { Ok(components) }
}

/// A run of codes: units of blocks, each of a component with its two tables.
struct Scan<'a> {
    units: usize,
    blocks: Vec<(&'a Table, &'a Table)>,
}

impl<'a> Scan<'a> {
    fn new(
        header: &[u8],
        components: &[Component],
        tables: &'a [[Option<Table>; 4]; 2],
        (width, height): (usize, usize),
    ) -> Result<Scan<'a>, Ended> {
        let (count, rest) = header.split_first().ok_or(Ended::Unknown)?;
        let most = |side: fn(&Component) -> usize| components.iter().map(side).max().ok_or(Ended::Unknown);
        let (across, down) = (most(|c| c.across)?, most(|c| c.down)?);
        let mut named = Vec::new();
        for entry in rest.chunks_exact(2).take(usize::from(*count)) {
            let component = components.iter().find(|component| component.id == entry[0]).ok_or(Ended::Unknown)?;
            let table = |kind: usize, place: u8| tables[kind].get(usize::from(place)).and_then(Option::as_ref).ok_or(Ended::Unknown);
            named.push((*component, (table(0, entry[1] >> 4)?, table(1, entry[1] & 15)?)));
        }
        match named[..] {
            [] => Err(Ended::Unknown),
            // Alone, a component has no more blocks than it needs.
            [(component, tables)] => {
                let columns = (width * component.across).div_ceil(across).div_ceil(8);
                let rows = (height * component.down).div_ceil(down).div_ceil(8);
                Ok(Scan { units: columns * rows, blocks: vec![tables] })
            }
            _ => {
                let units = width.div_ceil(8 * across) * height.div_ceil(8 * down);
                let blocks = named.iter().flat_map(|(c, tables)| std::iter::repeat_n(*tables, c.across * c.down)).collect();
                Ok(Scan { units, blocks })
            }
        }
    }

    /// Reads the codes from `at` on; gives where they end.
    fn walk(&self, jpeg: &[u8], at: usize, interval: usize) -> Result<usize, Ended> {
        let mut bits = Bits { bytes: jpeg, at, buffer: 0, count: 0 };
        for unit in 0..self.units {
            if interval > 0 && unit > 0 && unit % interval == 0 {
                bits.restart()?;
            }
            for (direct, alternating) in &self.blocks {
                let size = bits.symbol(direct)?;
                bits.skip(size)?;
                let mut position = 1;
                while position < 64 {
                    let symbol = bits.symbol(alternating)?;
                    match (symbol >> 4, symbol & 15) {
                        // Zeros may run over the end: nothing is put there.
                        (15, 0) => position += 16,
                        (_, 0) => break,
                        (zeros, size) => {
                            position += usize::from(zeros) + 1;
                            if position > 64 {
                                return Err(Ended::Damaged);
                            }
                            bits.skip(size)?;
                        }
                    }
                }
            }
        }
        bits.end()?;
        Ok(bits.at)
    }
}

/// The bits of the codes, without the zeros that follow bytes of ones.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    /// Of the buffer, not read yet.
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 48 {
            let (byte, length) = match self.bytes.get(self.at..) {
                Some([0xff, 0, ..]) => (0xff, 2),
                Some([0xff, ..] | []) | None => return,
                Some([byte, ..]) => (*byte, 1),
            };
            self.at += length;
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn skip(&mut self, bits: u8) -> Result<(), Ended> {
        self.count = self.count.checked_sub(u32::from(bits)).ok_or(Ended::Damaged)?;
        Ok(())
    }

    fn symbol(&mut self, table: &Table) -> Result<u8, Ended> {
        if self.count < 32 {
            self.fill();
        }
        let window = if self.count >= 16 { self.buffer >> (self.count - 16) } else { self.buffer << (16 - self.count) };
        let window = (window & 0xffff) as u32;
        for (length, (end, shift)) in (1u8..).zip(table.lengths) {
            if window < end {
                self.skip(length)?;
                let position = (window >> (16 - length)) as i32 + shift;
                return usize::try_from(position).ok().and_then(|position| table.values.get(position)).copied().ok_or(Ended::Unknown);
            }
        }
        Err(Ended::Damaged)
    }

    /// The mark that ends the codes, and where what follows it begins.
    fn end(&self) -> Result<(u8, usize), Ended> {
        let (marker, at) = next_marker(self.bytes, self.at)?;
        let rest = &self.bytes[self.at..at - 2];
        let spare = self.count as usize / 8 + rest.len();
        let filling = rest.windows(2).all(|pair| pair[0] == pair[1]);
        if spare > MOST_SPARE && !filling { Err(Ended::Damaged) } else { Ok((marker, at)) }
    }

    /// Goes on behind the next mark, which must be one to start again at.
    fn restart(&mut self) -> Result<(), Ended> {
        let (marker, at) = self.end()?;
        (self.buffer, self.count, self.at) = (0, 0, at);
        if (0xd0..=0xd7).contains(&marker) { Ok(()) } else { Err(Ended::Damaged) }
    }
}
