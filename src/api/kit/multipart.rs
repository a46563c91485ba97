//! `multipart/form-data`, as browsers and `curl -F` send it: fields with texts. Files are told apart
//! and named, so that they can be refused by their fields; nothing here takes one.

use futures_util::FutureExt as _;
use http::header::CONTENT_TYPE;
use poem::web::Multipart;
use poem::{Body, FromRequest as _, Request, RequestBody};

use crate::error::{Error, Result};

use super::{body, form};

/// Parts of a body; PHP takes no more fields either.
const PARTS_MAX: usize = 1000;
/// A name may stand in an answer.
const NAME_MAX_BYTES: usize = 255;

/// What the parts of a body are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Names and values of texts.
    pub(super) texts: Vec<(String, String)>,
    /// Paths of fields that hold a file.
    pub(super) files: Vec<String>,
}

/// Reads a whole body.
///
/// # Errors
/// [`Error::Malformed`].
pub(super) fn read(content_type: &str, bytes: Vec<u8>) -> Result<Parts> {
    // All bytes are there, so a reader that waits for more would wait for ever.
    collect(content_type, bytes).now_or_never().unwrap_or_else(|| Err(malformed(body::BROKE_OFF)))
}

async fn collect(content_type: &str, bytes: Vec<u8>) -> Result<Parts> {
    if !has_boundary(content_type) {
        return Err(malformed("its content type says no boundary"));
    }
    let request = Request::builder().header(CONTENT_TYPE, content_type).finish();
    let mut body = RequestBody::new(Body::from(bytes));
    let mut multipart = Multipart::from_request(&request, &mut body).await.map_err(|_| broken())?;
    let mut parts = Parts::default();
    for _ in 0..=PARTS_MAX {
        let Some(part) = multipart.next_field().await.map_err(|_| broken())? else { return Ok(parts) };
        let name = part.name().filter(|name| !name.is_empty() && name.len() <= NAME_MAX_BYTES).map(str::to_owned);
        let name = name.ok_or_else(|| malformed("a field has no name, or a very long one"))?;
        let file_name = part.file_name().map(str::to_owned);
        let value = part.bytes().await.map_err(|_| broken())?;
        match file_name {
            None => parts.texts.push((name, String::from_utf8(value).map_err(|_| malformed("a field is not UTF-8"))?)),
            // So browsers send the input of a file that nobody chose.
            Some(file_name) if file_name.is_empty() && value.is_empty() => {}
            Some(_) => parts.add_file(form::path(&name)),
        }
    }
    Err(malformed("it has too many fields"))
}

/// An empty boundary would be found in any two dashes.
fn has_boundary(content_type: &str) -> bool {
    let parameters = content_type.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let mut values = parameters.filter(|(name, _)| name.eq_ignore_ascii_case("boundary")).map(|(_, value)| value);
    values.next().is_some_and(|value| !value.trim_matches('"').is_empty())
}

impl Parts {
    fn add_file(&mut self, path: String) {
        if !self.files.contains(&path) {
            self.files.push(path);
        }
    }
}

fn malformed(reason: &str) -> Error {
    Error::Malformed(reason.to_owned())
}

/// What the library says of it is for those who know the library.
fn broken() -> Error {
    malformed("it is no complete multipart form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn part(disposition: &str, value: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    }

    fn parts(parts: &[String]) -> Result<Parts> {
        read(TYPE, format!("{}--XX--\r\n", parts.concat()).into())
    }

    #[test]
    fn texts_are_read_and_files_are_named() {
        let found = parts(&[
            part("name=\"name\"", "Kopi & Teh\r\n=2"),
            part("name=note", ""),
            part("name=\"photos[]\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg", "\u{1}"),
            part("name=\"photos[]\"; filename=\"b.jpg\"", ""),
            part("name=\"items[0][scan]\"; filename=\"\"", "x"),
            part("name=\"image\"; filename=\"\"\r\nContent-Type: application/octet-stream", ""),
            part("name=\"is_active\"\r\nContent-Type: text/plain; charset=UTF-8", "true"),
        ]);
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let texts = vec![text("name", "Kopi & Teh\r\n=2"), text("note", ""), text("is_active", "true")];
        let files = vec!["photos".to_owned(), "items.0.scan".to_owned()];
        assert_eq!(found.unwrap(), Parts { texts, files });
        assert_eq!(parts(&[]).unwrap(), Parts::default());
    }

    #[test]
    fn as_many_parts_as_a_form_needs_and_no_more() {
        let many = |count: usize| parts(&vec![part("name=\"a[]\"", "1"); count]);
        assert_eq!(many(PARTS_MAX).unwrap().texts.len(), PARTS_MAX);
        assert_eq!(many(PARTS_MAX + 1).unwrap_err().code(), "malformed_body");
    }

    #[test]
    fn what_is_broken_is_refused_at_once() {
        let body = |text: &str| (TYPE.to_owned(), text.as_bytes().to_vec());
        let whole = format!("{}--XX--", part("name=a", "1")).into_bytes();
        let of_type = |content_type: &str| (content_type.to_owned(), whole.clone());
        for (content_type, bytes) in [
            of_type("multipart/form-data"),
            of_type("multipart/form-data; boundary"),
            of_type("multipart/form-data; boundary="),
            of_type("multipart/form-data; boundary=\"\""),
            of_type("multipart/form-data; boundary=YY"),
            of_type("multipart/form-data; charset=utf-8"),
            of_type("multipart/form-data; boundary=\"XX"),
            body("x"),
            body("--XX"),
            body("--XX\r\n"),
            body("--XX-"),
            body("--XX\r\n\r\n1\r\n--XX--"),
            body(&part("name=a", "1")),
            body(&part("name=", "1")),
            body(&part("filename=a", "1")),
            body(&part("name=\"a", "1")),
            body(&part(&format!("name={}", "a".repeat(256)), "1")),
            body(&part(&format!("name=a{}", "\r\nX: y".repeat(40)), "1")),
            body(&format!("--XX\r\nX: {}", "y".repeat(1_000_000))),
            body(&"--XX\r\n".repeat(100_000)),
            (TYPE.to_owned(), b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--XX--".to_vec()),
            (TYPE.to_owned(), b"--XX\r\nContent-Disposition: form-data; name=\xff\r\n\r\n1\r\n--XX--".to_vec()),
        ] {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            let outcome = read(&content_type, bytes);
            assert!(matches!(outcome, Err(Error::Malformed(_))), "{content_type} {shown:?}: {outcome:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic_or_wait(
            boundary in "[ -~]{0,6}",
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("--XX".to_owned()), Just("--".into()), Just("\r\n".into()), Just("XX".into()),
                    Just("Content-Disposition: form-data; name=a".into()), Just("filename=\"".into()),
                    ".{0,8}",
                ],
                0..24,
            ),
        ) {
            let bytes = pieces.concat().into_bytes();
            let _ = read(TYPE, bytes.clone());
            let _ = read(&format!("multipart/form-data; boundary={boundary}"), bytes);
        }
    }
}
