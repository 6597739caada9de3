//! What a server says in commands.

use crate::rtmp::amf::Value;

/// What the server has said since it was asked last.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Result { transaction: f64, values: Vec<Value> },
    Error { transaction: f64, values: Vec<Value> },
    Status { level: String, code: String },
}

/// Reads a command; none for those that nobody waits for.
pub(super) fn answer_of(values: Vec<Value>) -> Option<Answer> {
    let name = values.first()?.text()?.to_owned();
    let transaction = values.get(1).and_then(Value::number).unwrap_or(0.0);
    match name.as_str() {
        "_result" => Some(Answer::Result { transaction, values: values.into_iter().skip(2).collect() }),
        "_error" => Some(Answer::Error { transaction, values: values.into_iter().skip(2).collect() }),
        "onStatus" => {
            let info = values.iter().find(|value| value.get("code").is_some())?;
            let member = |name| info.get(name).and_then(Value::text).unwrap_or_default().to_owned();
            Some(Answer::Status { level: member("level"), code: member("code") })
        }
        _ => None,
    }
}

/// Why a command was answered by an error, for a person.
pub(super) fn refusal(values: &[Value]) -> String {
    let info = values.iter().find(|value| value.get("code").is_some());
    let member = |name| info.and_then(|info| info.get(name)).and_then(Value::text).unwrap_or_default();
    said(member("code"))
}

/// What a server's code means. Its description stays out: some servers repeat the stream's name in it.
pub(super) fn said(code: &str) -> String {
    let known = match code {
        "NetStream.Publish.BadName" => "the server does not take this stream key, or somebody already uses it",
        "NetStream.Publish.Denied" | "NetStream.Publish.Unauthorized" => "the server does not allow this stream key",
        "NetConnection.Connect.Rejected" => "the server rejected the connection",
        "NetConnection.Connect.InvalidApp" => "the server does not know this application",
        _ => "the server said no",
    };
    let code: String = code.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '.').take(64).collect();
    if code.is_empty() { known.to_owned() } else { format!("{known} ({code})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(members: &[(&str, &str)]) -> Value {
        Value::Object(members.iter().map(|(name, text)| ((*name).to_owned(), Value::string(text))).collect())
    }

    #[test]
    fn a_status_is_found_wherever_it_stands() {
        let status = info(&[("level", "error"), ("code", "NetStream.Publish.BadName"), ("description", "sesame is taken")]);
        let answer = answer_of(vec![Value::string("onStatus"), Value::Number(0.0), Value::Null, status.clone()]);
        assert_eq!(answer, Some(Answer::Status { level: "error".to_owned(), code: "NetStream.Publish.BadName".to_owned() }));
        assert!(!refusal(&[Value::Null, status]).contains("sesame"));
        assert_eq!(answer_of(vec![Value::string("onBWDone")]), None);
        assert_eq!(answer_of(vec![]), None);
    }

    #[test]
    fn an_unknown_code_is_told_as_far_as_it_is_one() {
        assert_eq!(said("Some.Code<script>"), "the server said no (Some.Codescript)");
        assert_eq!(said(""), "the server said no");
    }
}
