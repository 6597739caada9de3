//! AMF0, the notation of RTMP's commands.

/// A value as far as commands need it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Boolean(bool),
    String(String),
    Object(Vec<(String, Value)>),
    Array(Vec<Value>),
    Null,
}

/// How deep objects may lie in each other.
const MAX_DEPTH: u8 = 8;

impl Value {
    pub(crate) fn string(text: &str) -> Self {
        Self::String(text.to_owned())
    }

    /// A member of an object by its name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The value of a number.
    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.push(0);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Boolean(value) => out.extend_from_slice(&[1, u8::from(*value)]),
            Self::String(text) => {
                out.push(2);
                write_text(text, out);
            }
            Self::Object(members) => {
                out.push(3);
                for (name, value) in members {
                    write_text(name, out);
                    value.write(out);
                }
                out.extend_from_slice(&[0, 0, 9]);
            }
            Self::Array(values) => {
                out.push(10);
                out.extend_from_slice(&u32::try_from(values.len()).unwrap_or(0).to_be_bytes());
                values.iter().for_each(|value| value.write(out));
            }
            Self::Null => out.push(5),
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // Addresses are cut at the door far below this length.
    let length = u16::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes().get(..usize::from(length)).unwrap_or_default());
}

/// Values one behind the other.
pub(crate) fn write(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        value.write(&mut out);
    }
    out
}

/// The values that can be read; what follows an unreadable one is left out.
pub(crate) fn read(bytes: &[u8]) -> Vec<Value> {
    let mut rest = bytes;
    std::iter::from_fn(|| read_value(&mut rest, 0)).collect()
}

fn read_value(rest: &mut &[u8], depth: u8) -> Option<Value> {
    let kind = *take(rest, 1)?.first()?;
    match kind {
        0 => Some(Value::Number(f64::from_be_bytes(*take(rest, 8)?.first_chunk()?))),
        1 => Some(Value::Boolean(*take(rest, 1)?.first()? != 0)),
        2 => Some(Value::String(read_text(rest)?)),
        3 | 8 if depth < MAX_DEPTH => {
            if kind == 8 {
                take(rest, 4)?;
            }
            let mut members = Vec::new();
            loop {
                let name = read_text(rest)?;
                if name.is_empty() && rest.first() == Some(&9) {
                    take(rest, 1)?;
                    return Some(Value::Object(members));
                }
                members.push((name, read_value(rest, depth + 1)?));
            }
        }
        5 | 6 => Some(Value::Null),
        10 if depth < MAX_DEPTH => {
            let count = u32::from_be_bytes(*take(rest, 4)?.first_chunk()?);
            // Collected one by one: the count itself is not to be trusted.
            (0..count).map(|_| read_value(rest, depth + 1)).collect::<Option<_>>().map(Value::Array)
        }
        // A date: milliseconds and an unused zone.
        11 => {
            let number = f64::from_be_bytes(*take(rest, 8)?.first_chunk()?);
            take(rest, 2)?;
            Some(Value::Number(number))
        }
        12 => {
            let length = u32::from_be_bytes(*take(rest, 4)?.first_chunk()?);
            Some(Value::String(String::from_utf8_lossy(take(rest, usize::try_from(length).ok()?)?).into_owned()))
        }
        _ => None,
    }
}

fn read_text(rest: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(*take(rest, 2)?.first_chunk()?);
    Some(String::from_utf8_lossy(take(rest, usize::from(length))?).into_owned())
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let values = [
            Value::string("onStatus"),
            Value::Number(4.0),
            Value::Null,
            Value::Object(vec![
                ("level".to_owned(), Value::string("error")),
                ("inner".to_owned(), Value::Object(vec![("on".to_owned(), Value::Boolean(true))])),
                ("fourCcList".to_owned(), Value::Array(vec![Value::string("hvc1"), Value::string("av01")])),
            ]),
        ];
        assert_eq!(read(&write(&values)), values);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            assert!(read(bytes).len() <= bytes.len());
        });
        assert_eq!(read(&[3; 4_000]).len(), 0);
        assert_eq!(read(&[10; 4_000]).len(), 0);
        assert_eq!(read(&[3, 0, 1, b'a'].repeat(100_000)).len(), 0);
    }
}
