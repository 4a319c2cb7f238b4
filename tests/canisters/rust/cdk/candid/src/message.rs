//! A whole message: `DIDL`, the table of types, the arguments' types, the arguments.

use crate::types::{leb, sleb, Type, OPT, PLAIN, RECORD, VEC};
use crate::{CandidType, Deserialize, Error};

const MAGIC: &[u8] = b"DIDL";
// Types are read into trees: what refers to itself is refused.
const DEEPEST: usize = 64;

/// Write arguments, a tuple, as a message.
pub fn encode_args<A: CandidType>(arguments: A) -> Result<Vec<u8>, Error> {
    let mut table = Vec::new();
    // A tuple is a record of 0, 1, 2 ...: in a message its fields follow each other all the same.
    let references: Vec<i64> = match A::ty() {
        Type::Record(fields) => fields.iter().map(|it| it.2.reference(&mut table)).collect(),
        _ => Vec::new(),
    };
    let mut out = MAGIC.to_vec();
    leb(table.len() as u64, &mut out);
    out.extend(table.concat());
    leb(references.len() as u64, &mut out);
    references.iter().for_each(|it| sleb(*it, &mut out));
    arguments.write(&mut out);
    Ok(out)
}

/// Read arguments, a tuple, from the beginning of a message; more arguments are passed over.
pub fn decode_args<A: Deserialize>(message: &[u8]) -> Result<A, Error> {
    let mut from = Reader { rest: message };
    if from.bytes(MAGIC.len()) != Ok(MAGIC) {
        return Err("Cannot parse header".into());
    }
    let arguments = from.arguments()?;
    A::read(&arguments, &mut from)
}

/// What is left of a message.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, size: usize) -> Result<&'a [u8], Error> {
        if size > self.rest.len() {
            return Err("the message is too short".into());
        }
        let (taken, rest) = self.rest.split_at(size);
        self.rest = rest;
        Ok(taken)
    }

    pub fn leb(&mut self) -> Result<u64, Error> {
        Ok(self.bits()?.0)
    }

    pub fn sleb(&mut self) -> Result<i64, Error> {
        let (value, bits, negative) = self.bits()?;
        let sign = if negative && bits < 64 { u64::MAX << bits } else { 0 };
        Ok((value | sign) as i64)
    }

    /// Read how many bytes or values follow, of which each takes a byte at least.
    pub fn size(&mut self) -> Result<usize, Error> {
        match self.leb()? {
            size if size <= self.rest.len() as u64 => Ok(size as usize),
            _ => Err("the message is too short".into()),
        }
    }

    /// Read a number: its bits, how many there were, and whether the last says "negative".
    fn bits(&mut self) -> Result<(u64, u32, bool), Error> {
        let (mut value, mut bits) = (0, 0);
        while bits < 64 {
            let byte = self.bytes(1)?[0];
            value |= u64::from(byte & 0x7f) << bits;
            bits += 7;
            if byte < 0x80 {
                return Ok((value, bits, byte & 0x40 != 0));
            }
        }
        Err("a number is too long".into())
    }

    /// Read the types; return those of the arguments as a record's.
    fn arguments(&mut self) -> Result<Type, Error> {
        let mut entries = Vec::new();
        for _ in 0..self.size()? {
            let kind = self.sleb()?;
            let mut parts = Vec::new();
            match kind {
                OPT | VEC => parts.push((0, self.sleb()?)),
                RECORD => {
                    for _ in 0..self.size()? {
                        parts.push((self.leb()? as u32, self.sleb()?));
                    }
                }
                other => return Err(format!("types of kind {} are not known here", other)),
            }
            entries.push((kind, parts));
        }
        let mut parts = Vec::new();
        for place in 0..self.size()? {
            parts.push((place as u32, self.sleb()?));
        }
        record(&parts, &entries, 0)
    }
}

type Parts = Vec<(u32, i64)>;

fn tree(reference: i64, entries: &[(i64, Parts)], depth: usize) -> Result<Type, Error> {
    if let Some(row) = PLAIN.iter().find(|row| row.1 == reference) {
        return Ok(Type::Plain(row.0, row.1));
    }
    let (kind, parts) = entries.get(reference as usize).ok_or("a type is not in the table")?;
    if depth > DEEPEST {
        return Err("a type is recursive".into());
    }
    Ok(match *kind {
        OPT => Type::Opt(Box::new(tree(parts[0].1, entries, depth + 1)?)),
        VEC => Type::Vec(Box::new(tree(parts[0].1, entries, depth + 1)?)),
        _ => record(parts, entries, depth + 1)?,
    })
}

fn record(parts: &Parts, entries: &[(i64, Parts)], depth: usize) -> Result<Type, Error> {
    let field = |part: &(u32, i64)| Ok((part.0, part.0.to_string(), tree(part.1, entries, depth)?));
    Ok(Type::Record(parts.iter().map(field).collect::<Result<_, Error>>()?))
}
