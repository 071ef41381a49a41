//! A broker's user with the rights that a test gives it.

use serde_json::json;
use tests::access::{Access, segment};

/// A user of the broker; it goes with the value.
pub(crate) struct User<'a> {
    admin: &'a Access,
    pub(crate) access: Access,
}

/// What a user may do, each a regular expression over names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rights<'a> {
    pub(crate) configure: &'a str,
    pub(crate) write: &'a str,
    pub(crate) read: &'a str,
}

impl Rights<'_> {
    /// Sees a vhost and may do nothing in it.
    pub(crate) const NONE: Self = Self { configure: "^$", write: "^$", read: "^$" };
    /// Everything.
    pub(crate) const ALL: Self = Self { configure: ".*", write: ".*", read: ".*" };
}

impl<'a> User<'a> {
    pub(crate) fn add(admin: &'a Access, name: &str, password: &str) -> Self {
        Self::tagged(admin, "management", (name, password))
    }

    /// One with another tag, which tells what the management API shows it.
    pub(crate) fn tagged(admin: &'a Access, tag: &str, (name, password): (&str, &str)) -> Self {
        let body = json!({"password": password, "tags": tag});
        admin.management().put(&format!("/api/users/{}", segment(name)), &body).unwrap();
        let (user, password) = (name.to_owned(), password.to_owned());
        Self { admin, access: Access { user, password, ..admin.clone() } }
    }

    pub(crate) fn may(&self, vhost: &str, rights: Rights<'_>) {
        let Rights { configure, write, read } = rights;
        let rights = json!({"configure": configure, "write": write, "read": read});
        let path = format!("/api/permissions/{}/{}", segment(vhost), segment(&self.access.user));
        self.admin.management().put(&path, &rights).unwrap();
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        let path = format!("/api/users/{}", segment(&self.access.user));
        self.admin.management().delete(&path).unwrap();
    }
}
