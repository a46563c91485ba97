//! What a destination answered, in words that name the setting to look at. Nothing of its answers but
//! the code and the region gets into them: some services repeat what was signed.

use std::error::Error as _;

use object_store::client::{HttpError, HttpErrorKind};

use crate::error::Error;

/// Why a request to a destination came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Stable code.
    pub code: &'static str,
    /// A sentence for people.
    pub text: String,
}

impl Trouble {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// True when the credentials are known and may not do this.
    pub(super) fn is_refusal(&self) -> bool {
        self.code == "s3_denied"
    }

    /// True when there is no such object.
    pub(super) fn is_absence(&self) -> bool {
        self.code == "s3_object_gone"
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::new("file_unreadable", format!("The file of the backup cannot be read: {error}."))
    }
}

impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        let mut texts = error.to_string();
        let mut kind = None;
        let mut at = error.source();
        while let Some(cause) = at {
            kind = kind.or_else(|| cause.downcast_ref::<HttpError>().map(HttpError::kind));
            texts.push_str(&cause.to_string());
            at = cause.source();
        }
        let (code, text) = match (element(&texts, "Code"), &error) {
            (Some(code), _) if let Some(known) = by_code(code, element(&texts, "Region")) => known,
            (_, object_store::Error::NotFound { .. }) => {
                ("s3_object_gone", "The object is not in the bucket.".to_owned())
            }
            (_, object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }) => denied(),
            _ if texts.contains("without LOCATION") => wrong_region(None),
            _ => by_kind(kind, &texts),
        };
        Self { code, text }
    }
}

/// The text of an element of an answer, when it is a plain word.
fn element<'a>(texts: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = texts.split_once(&format!("<{name}>"))?;
    let (word, _) = rest.split_once('<')?;
    let is_word = word.len() <= 64 && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_word.then_some(word)
}

type Known = (&'static str, String);

fn by_code(code: &str, region: Option<&str>) -> Option<Known> {
    Some(match code {
        "NoSuchBucket" | "InvalidBucketName" => (
            "s3_no_bucket",
            "There is no bucket of this name there. Look at s3.bucket (AWS_BUCKET) and s3.endpoint (AWS_ENDPOINT)."
                .into(),
        ),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            wrong_region(region)
        }
        "InvalidAccessKeyId" | "NotSignedUp" => (
            "s3_bad_key_id",
            "The service does not know the access key. Look at s3.access_key_id (AWS_ACCESS_KEY_ID).".into(),
        ),
        "SignatureDoesNotMatch" => (
            "s3_bad_secret",
            "The secret does not belong to the access key. Look at s3.secret_access_key (AWS_SECRET_ACCESS_KEY)."
                .into(),
        ),
        "RequestTimeTooSkewed" | "RequestExpired" => (
            "s3_clock",
            "The clocks of this machine and of the service differ by too much. Set this one's right.".into(),
        ),
        "AccessDenied" => denied(),
        "NoSuchKey" => ("s3_object_gone", "The object is not in the bucket.".into()),
        _ => return None,
    })
}

fn denied() -> Known {
    ("s3_denied", "The access key may not do this in the bucket. Look at its policy.".into())
}

fn wrong_region(region: Option<&str>) -> Known {
    let hint = region.map(|region| format!(": the service says {region}")).unwrap_or_default();
    ("s3_wrong_region", format!("The bucket is in another region. Look at s3.region (AWS_DEFAULT_REGION){hint}."))
}

fn by_kind(kind: Option<HttpErrorKind>, texts: &str) -> Known {
    match kind {
        Some(HttpErrorKind::Timeout) => ("s3_timeout", "The service did not answer in time (s3.timeout_secs).".into()),
        Some(HttpErrorKind::Connect) => (
            "s3_unreachable",
            "The service cannot be reached. Look at s3.endpoint (AWS_ENDPOINT), and at the network of this machine."
                .into(),
        ),
        Some(_) => ("s3_cut_off", "The connection to the service broke off.".into()),
        None if texts.contains("status code: 5") || texts.contains("SlowDown") => {
            ("s3_unavailable", "The service is in trouble of its own.".into())
        }
        None => ("s3_refused", "The service refused the request. Look at the settings of s3.".into()),
    }
}
