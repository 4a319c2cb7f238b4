//! Candid's types: in words for interfaces, as a table for the head of a message.

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Its name, and its number in a message.
    Plain(&'static str, i64),
    Opt(Box<Type>),
    Vec(Box<Type>),
    /// Hash, name and type of each field, ascending by hash.
    Record(Vec<(u32, String, Type)>),
}

pub const PLAIN: [(&str, i64); 18] = [
    ("null", -1),
    ("bool", -2),
    ("nat", -3),
    ("int", -4),
    ("nat8", -5),
    ("nat16", -6),
    ("nat32", -7),
    ("nat64", -8),
    ("int8", -9),
    ("int16", -10),
    ("int32", -11),
    ("int64", -12),
    ("float32", -13),
    ("float64", -14),
    ("text", -15),
    ("reserved", -16),
    ("empty", -17),
    ("principal", -24),
];
pub const OPT: i64 = -18;
pub const VEC: i64 = -19;
pub const RECORD: i64 = -20;

/// Candid's hash of a field's name; a number stands for itself.
pub fn field_hash(name: &str) -> u32 {
    let step = |hash: u32, byte| hash.wrapping_mul(223).wrapping_add(u32::from(byte));
    name.parse().unwrap_or_else(|_| name.bytes().fold(0, step))
}

impl Type {
    pub fn plain(name: &str) -> Type {
        let row = PLAIN.iter().find(|row| row.0 == name).expect("a name from the table");
        Type::Plain(row.0, row.1)
    }

    pub fn record(fields: Vec<(&str, Type)>) -> Type {
        let hashed = |(name, ty): (&str, _)| (field_hash(name), name.to_string(), ty);
        let mut fields: Vec<_> = fields.into_iter().map(hashed).collect();
        fields.sort_by_key(|field| field.0);
        Type::Record(fields)
    }

    /// The type as an interface has it.
    pub fn text(&self) -> String {
        match self {
            Type::Plain(name, _) => name.to_string(),
            Type::Opt(inner) => format!("opt {}", inner.text()),
            Type::Vec(inner) if **inner == Type::plain("nat8") => "blob".into(),
            Type::Vec(inner) => format!("vec {}", inner.text()),
            Type::Record(fields) => {
                let fields: Vec<_> = fields.iter().map(field_text).collect();
                format!("record {{ {} }}", fields.join("; "))
            }
        }
    }

    /// What stands for the type in a message: its number, or its place in the table.
    pub fn reference(&self, table: &mut Vec<Vec<u8>>) -> i64 {
        let mut entry = Vec::new();
        match self {
            Type::Plain(_, number) => return *number,
            Type::Opt(inner) | Type::Vec(inner) => {
                sleb(if let Type::Opt(_) = self { OPT } else { VEC }, &mut entry);
                sleb(inner.reference(table), &mut entry);
            }
            Type::Record(fields) => {
                sleb(RECORD, &mut entry);
                leb(fields.len() as u64, &mut entry);
                for (hash, _, ty) in fields {
                    leb((*hash).into(), &mut entry);
                    sleb(ty.reference(table), &mut entry);
                }
            }
        }
        let known = table.iter().position(|it| *it == entry);
        known.unwrap_or_else(|| {
            table.push(entry);
            table.len() - 1
        }) as i64
    }
}

fn field_text((hash, name, ty): &(u32, String, Type)) -> String {
    // Quoted, or a field could not be called like a type.
    match name.parse::<u32>() {
        Ok(_) => format!("{} : {}", hash, ty.text()),
        Err(_) => format!("{:?} : {}", name, ty.text()),
    }
}

/// Write an unsigned number in LEB128.
pub fn leb(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Write a signed number in LEB128.
pub fn sleb(mut value: i64, out: &mut Vec<u8>) {
    while !(-0x40..0x40).contains(&value) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}
