//! Types of users and the rules that need no database.

use std::borrow::Cow;
use std::str::FromStr;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::UserId;

/// What a user may do inside the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, users included.
    Admin,
    /// The daily work.
    User,
}

impl Role {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "admin" => Ok(Self::Admin),
            "user" => Ok(Self::User),
            other => Err(Error::internal(anyhow::anyhow!("unknown role {other:?}"))),
        }
    }
}

/// A user's row, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Id inside the tenant.
    pub id: UserId,
    /// Id that is unique everywhere.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// Email address, unique in the tenant without regard to case.
    pub email: String,
    /// User name, likewise.
    pub username: String,
    /// Role.
    pub role: Role,
    /// False once disabled: neither password nor token works.
    pub is_active: bool,
    /// Picture.
    pub avatar_url: Option<String>,
    /// When the email address was confirmed.
    pub email_verified_at: Option<Timestamp>,
    /// Created.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
}

/// What a new user is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// User name; made from the email address when missing.
    pub username: Option<String>,
    /// Password, plain; never stored.
    pub password: String,
    /// Wanted role.
    pub role: Role,
}

/// An email address as it is stored and looked up. The index that keeps addresses unique knows upper
/// and lower case of ASCII only, so an address with other letters is stored in lower case.
pub(super) fn stored_email(email: &str) -> Cow<'_, str> {
    if email.is_ascii() { email.into() } else { email.to_lowercase().into() }
}

/// Who makes a new user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registrar {
    /// Anybody with the tenant key.
    Public,
    /// An admin of the tenant, or the operator.
    Trusted,
}

/// Who changes a user.
#[derive(Debug, Clone)]
pub enum Changer {
    /// An admin of the tenant.
    Admin,
    /// The user, who may not give itself rights, and whose token alone must not be enough to take
    /// the account over: no other password and no other email address without the current password.
    Own {
        /// What the user says it is.
        current_password: Option<String>,
    },
}

impl Changer {
    /// Fine when this changer may set a password.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check_password_change(&self) -> Result<()> {
        match self {
            Self::Admin => Ok(()),
            Self::Own { .. } => Err(Error::Forbidden("the own password needs the current one")),
        }
    }

    /// Fine when this changer may make these changes. Values that stay as they are do not count:
    /// clients send back what they read.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check(&self, before: &User, patch: &UserPatch) -> Result<()> {
        let gains_role = patch.role.is_some_and(|role| role != before.role);
        let changes_state = patch.is_active.is_some_and(|is_active| is_active != before.is_active);
        if self.is_own() && (gains_role || changes_state) {
            return Err(Error::Forbidden("role and state are an admin's to change"));
        }
        Ok(())
    }

    /// True when these changes take the current password.
    pub fn must_know_password(&self, before: &User, patch: &UserPatch) -> bool {
        self.is_own() && patch.email.as_ref().is_some_and(|email| !email.eq_ignore_ascii_case(&before.email))
    }

    fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }
}

/// Rules for passwords.
#[derive(Debug, Clone, Copy)]
pub struct PasswordPolicy {
    /// Fewest characters.
    pub min_length: usize,
}

/// Changes to a user; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// New name.
    pub name: Option<String>,
    /// New email address.
    pub email: Option<String>,
    /// New user name.
    pub username: Option<String>,
    /// New role.
    pub role: Option<Role>,
    /// Disables or enables.
    pub is_active: Option<bool>,
    /// New picture; inner `None` removes it.
    pub avatar_url: Option<Option<String>>,
    /// New password, plain; never stored.
    pub password: Option<String>,
}

/// Which users to list.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the name, email address or user name.
    pub search: Option<String>,
    /// Only this role.
    pub role: Option<Role>,
    /// Only enabled or disabled ones.
    pub is_active: Option<bool>,
}
