//! The last guard against secrets in the audit log. Callers should not hand them over; this hides
//! what they hand over all the same, by the name it stands under.

use serde_json::Value;

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";

/// A name that contains one of these, without regard to case, `_` and `-`, belongs to a secret.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "masterkey",
    "authorization",
    "credential",
    "cookie",
    "totp",
];

/// Replaces every value under the name of a secret, however deep.
pub(super) fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                if can_hold_secret(inner) && is_secret_name(name) {
                    *inner = HIDDEN.into();
                } else {
                    hide_secrets(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

/// `has_password: true` and `token: null` tell something and give nothing away.
fn can_hold_secret(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(_))
}

fn is_secret_name(name: &str) -> bool {
    let mut plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.make_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| plain.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_hidden_however_deep_and_however_spelt() {
        let mut detail = json!({
            "name": "Toko", "db_password": "p", "X-Api-Key": "k", "has_password": true, "token": null,
            "devices": [{ "accessToken": "t", "number": "62" }], "secrets": ["a"], "otp_TOTP": 123_456,
        });
        hide_secrets(&mut detail);
        let expected = json!({
            "name": "Toko", "db_password": HIDDEN, "X-Api-Key": HIDDEN, "has_password": true, "token": null,
            "devices": [{ "accessToken": HIDDEN, "number": "62" }], "secrets": HIDDEN, "otp_TOTP": HIDDEN,
        });
        assert_eq!(detail, expected);
    }
}
