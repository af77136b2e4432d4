//! Writes databases in MaxMind's format (version 2.0), for tests.

use std::collections::HashMap;

use super::Prefix;

/// A value of a record.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Double(f64),
    /// Of the format's type 5, 6 or 9, which have 2, 4 and 8 bytes.
    Number(u8, u64),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

impl Value {
    pub(crate) fn map<const N: usize>(entries: [(&'static str, Self); N]) -> Self {
        Self::Map(entries.into())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut head = |kind: u8, size: usize| {
            let size = u8::try_from(size).unwrap();
            let (low, more) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
            if kind < 8 {
                out.push(kind << 5 | low);
            } else {
                out.extend([low, kind - 7]);
            }
            out.extend(more);
        };
        match self {
            Self::Text(text) => {
                head(2, text.len());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Double(number) => {
                head(3, 8);
                out.extend(number.to_be_bytes());
            }
            Self::Number(kind, number) => {
                let size = if *kind == 9 { 8 } else { usize::from(*kind - 4) * 2 };
                head(*kind, size);
                out.extend(&number.to_be_bytes()[8 - size..]);
            }
            Self::List(list) => {
                head(11, list.len());
                list.iter().for_each(|value| value.write(out));
            }
            Self::Map(entries) => {
                head(7, entries.len());
                for (key, value) in entries {
                    Self::Text((*key).into()).write(out);
                    value.write(out);
                }
            }
        }
    }
}

/// A record of the tree.
#[derive(Clone, Copy)]
enum Slot {
    Nothing,
    Node(usize),
    Data(usize),
}

/// A database of networks that do not hold each other, with a tree of IPv6 in which IPv4 lies at `::/96`.
pub(crate) fn database(networks: &[(&str, Value)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Slot::Nothing; 2]], Vec::new());
    let mut known: HashMap<String, usize> = HashMap::new();
    for (network, value) in networks {
        let prefix: Prefix = network.parse().unwrap();
        let (bits, length) = if prefix.is_v6() {
            (prefix.first(), prefix.length())
        } else {
            (prefix.first() >> 96, prefix.length() + 96)
        };
        let at = *known.entry(format!("{value:?}")).or_insert_with(|| {
            let at = data.len();
            value.write(&mut data);
            at
        });
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[node][side] = Slot::Data(at);
            } else if let Slot::Node(next) = nodes[node][side] {
                node = next;
            } else {
                nodes.push([Slot::Nothing; 2]);
                nodes[node][side] = Slot::Node(nodes.len() - 1);
                node = nodes.len() - 1;
            }
        }
    }
    let count = nodes.len();
    let number = |slot: &Slot| match slot {
        Slot::Nothing => count,
        Slot::Node(node) => *node,
        Slot::Data(at) => count + 16 + at,
    };
    let records = nodes.iter().flatten().map(number);
    let mut out: Vec<u8> =
        records.flat_map(|record| u32::try_from(record).unwrap().to_be_bytes()).collect();
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let about = Value::map([
        ("binary_format_major_version", Value::Number(5, 2)),
        ("binary_format_minor_version", Value::Number(5, 0)),
        ("build_epoch", Value::Number(9, 1_700_000_000)),
        ("database_type", Value::Text("Test-City".into())),
        ("description", Value::Map(Vec::new())),
        ("ip_version", Value::Number(5, 6)),
        ("languages", Value::List(Vec::new())),
        ("node_count", Value::Number(6, u64::try_from(count).unwrap())),
        ("record_size", Value::Number(5, 32)),
    ]);
    about.write(&mut out);
    out
}
