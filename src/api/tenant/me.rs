//! `/api/me/...`: the own password and the own tokens.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::credentials::User;
use crate::api::kit::draft::Draft;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::reply::{NoContent, Reply};
use crate::api::kit::request::client_addr;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::Error;
use crate::users::tokens::{self, Token};

use super::auth::Message;
use super::user_in::finished;

/// What users do with their own credentials.
pub struct MeApi(pub App);

/// The current password and the one to come.
#[derive(Debug, Object)]
#[oai(example)]
struct PasswordChange {
    /// The password as it is.
    #[oai(validator(min_length = 1))]
    current_password: String,
    /// The new one, at least 6 characters unless the server or the tenant asks for more.
    #[oai(validator(min_length = 1, max_length = 1024))]
    password: String,
    /// The new one again; checked when it is sent.
    password_confirmation: Option<String>,
}

impl poem_openapi::types::Example for PasswordChange {
    fn example() -> Self {
        Self {
            current_password: "password123".into(),
            password: "lebih-panjang-lagi".into(),
            password_confirmation: Some("lebih-panjang-lagi".into()),
        }
    }
}

/// A token; its secret is shown at the log-in only.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Token")]
struct TokenOut {
    /// Its id, the part before the bar.
    id: i64,
    /// What it is called.
    name: String,
    /// True for the token of this request.
    is_current: bool,
    /// When it was last used, to the minute.
    last_used_at: Option<Time>,
    /// When it ends.
    expires_at: Option<Time>,
    /// Created.
    created_at: Time,
}

impl TokenOut {
    fn new(token: Token, current: i64) -> Self {
        Self {
            id: token.id,
            is_current: token.id == current,
            name: token.name,
            last_used_at: token.last_used_at.map(Time),
            expires_at: token.expires_at.map(Time),
            created_at: Time(token.created_at),
        }
    }
}

/// The own tokens.
#[derive(Debug, Object, Serialize)]
struct TokenList {
    /// Newest first; at most 100 are kept.
    data: Vec<TokenOut>,
}

/// What became of the other tokens.
#[derive(Debug, Object, Serialize)]
struct TokensEnded {
    /// For people.
    message: String,
    /// How many were ended.
    revoked: u64,
}

#[OpenApi(prefix_path = "/api/me", tag = "Tag::Users")]
impl MeApi {
    /// Change the own password
    ///
    /// Other tokens of the user stop at once; the one of this request stays good.
    #[oai(path = "/password", method = "put", operation_id = "me.password")]
    async fn password(
        &self,
        user: User,
        request: &Request,
        input: Draft<Closed<PasswordChange>>,
    ) -> Result<Reply<Message>, Error> {
        let (id, token_id) = (user.signed_in.user.id, user.signed_in.token_id);
        let desk = self.0.user_desk(&user.tenant, &user.db);
        let PasswordChange { current_password, password, .. } = finished(input, &desk, Some(id)).await?.0;
        // A stolen token must not become a way to guess the password.
        let (throttle, email) = (&self.0.login_throttle, &user.signed_in.user.email);
        let attempt = desk.begin_attempt(throttle, email, client_addr(request)).await?;
        let outcome = desk.change_password(id, token_id, current_password, password).await;
        match &outcome {
            Ok(()) => attempt.succeeded(),
            Err(Error::Invalid(errors)) if errors.iter().any(|error| error.path == "current_password") => drop(attempt),
            Err(_) => attempt.withdraw(),
        }
        outcome?;
        audit::record(request, "user.password_changed", ("user", id.to_string()), json!({}));
        Ok(Reply(Message { message: "Password changed successfully".into() }))
    }

    /// List the own tokens
    ///
    /// Each with its name and last use; `is_current` marks the one of this request. The tokens
    /// themselves are never shown again.
    #[oai(path = "/tokens", method = "get", operation_id = "me.tokens.list")]
    async fn list_tokens(&self, user: User) -> Result<Reply<TokenList>, Error> {
        let (id, current) = (user.signed_in.user.id, user.signed_in.token_id);
        let tokens = user.db.read(move |tx| tokens::list(tx, id)).await?;
        Ok(Reply(TokenList { data: tokens.into_iter().map(|token| TokenOut::new(token, current)).collect() }))
    }

    /// End an own token
    ///
    /// It stops at once. Ending the token of this request is a log-out.
    #[oai(path = "/tokens/:id", method = "delete", operation_id = "me.tokens.delete")]
    async fn delete_token(&self, user: User, id: Path<Id>) -> Result<NoContent, Error> {
        let token_id = id.of("token")?;
        self.0.user_desk(&user.tenant, &user.db).revoke_token(user.signed_in.user.id, token_id).await?;
        Ok(NoContent)
    }

    /// End all other own tokens
    ///
    /// Logs the user out everywhere else.
    #[oai(path = "/tokens", method = "delete", operation_id = "me.tokens.delete_others")]
    async fn delete_other_tokens(&self, user: User) -> Result<Reply<TokensEnded>, Error> {
        let (id, current) = (user.signed_in.user.id, user.signed_in.token_id);
        let ended = self.0.user_desk(&user.tenant, &user.db).revoke_other_tokens(id, current).await?;
        Ok(Reply(TokensEnded { message: "Other tokens revoked successfully".into(), revoked: ended as u64 }))
    }
}
