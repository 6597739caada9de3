//! Requests to a camera: RTSP (RFC 2326) and HTTP look alike.

/// The longest request.
const MAX_HEAD_BYTES: usize = 8_192;

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    /// `CSeq`, as it was given.
    pub(super) number: String,
    pub(super) transport: String,
    pub(super) authorization: String,
}

/// Takes the next request out of what was said; frames of media in between, which are receivers' reports, are left out. None: more
/// must come. An error: this is no request.
pub(super) fn next_request(inbox: &mut Vec<u8>) -> Result<Option<Request>, &'static str> {
    loop {
        match inbox.as_slice() {
            [b'$', _, high, low, ..] => {
                let whole = 4 + usize::from(u16::from_be_bytes([*high, *low]));
                if inbox.len() < whole {
                    return Ok(None);
                }
                inbox.drain(..whole);
            }
            [b'\r' | b'\n', ..] => drop(inbox.drain(..1)),
            [] | [b'$', ..] => return Ok(None),
            _ => break,
        }
    }
    let Some(end) = inbox.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if inbox.len() > MAX_HEAD_BYTES { Err("no end of a request") } else { Ok(None) };
    };
    let head = String::from_utf8(inbox.get(..end).unwrap_or_default().to_vec()).map_err(|_| "no text")?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(url), Some(_version)) = (words.next(), words.next(), words.next()) else { return Err("no request line") };
    let mut request = Request { method: method.into(), url: url.into(), ..Request::default() };
    let mut body = 0;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "cseq" => request.number = value.into(),
            "transport" => request.transport = value.into(),
            "authorization" => request.authorization = value.into(),
            "content-length" => body = value.parse::<usize>().ok().filter(|length| *length <= MAX_HEAD_BYTES).ok_or("a body that is too long")?,
            _ => {}
        }
    }
    let whole = end + 4 + body;
    if inbox.len() < whole {
        return Ok(None);
    }
    inbox.drain(..whole);
    Ok(Some(request))
}

/// The channel of a transport that keeps to this connection; none for any other.
pub(super) fn interleaved_channel(transport: &str) -> Option<u8> {
    let choice = transport.split(',').find(|choice| choice.trim().starts_with("RTP/AVP/TCP"))?;
    let channels = choice.split(';').find_map(|part| part.trim().strip_prefix("interleaved="));
    // Reports go by the next one.
    channels.map_or(Some(0), |channels| channels.split('-').next()?.parse::<u8>().ok()).filter(|channel| *channel < 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_in_pieces_and_between_reports() {
        let mut inbox = b"$\x01\x00\x02xx\r\nSETUP rtsp://a/track0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n".to_vec();
        assert_eq!(next_request(&mut inbox), Ok(None));
        inbox.extend_from_slice(b"\r\nPLAY rtsp://a RTSP/1.0\r\nContent-Length: 2\r\n\r\nab");
        let setup = next_request(&mut inbox).expect("a request").expect("whole");
        assert_eq!((setup.method.as_str(), setup.number.as_str(), interleaved_channel(&setup.transport)), ("SETUP", "3", Some(2)));
        assert_eq!(next_request(&mut inbox).expect("a request").expect("whole").method, "PLAY");
        assert!(inbox.is_empty());
        assert_eq!(interleaved_channel("RTP/AVP;unicast;client_port=5000-5001"), None);
    }

    #[test]
    fn what_is_no_request_is_told() {
        for bytes in [&b"\xff\xfe\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", &[b'a'; 9_000]] {
            assert!(next_request(&mut bytes.to_vec()).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let mut inbox = bytes.to_vec();
            let mut requests = 0;
            while let Ok(Some(request)) = next_request(&mut inbox) {
                interleaved_channel(&request.transport);
                requests += 1;
            }
            assert!(requests <= bytes.len() && inbox.len() <= bytes.len());
        });
    }
}
