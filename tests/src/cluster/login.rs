//! Who somebody is to the API server, and the kubeconfig that says so. PURE.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pki::Pair;

/// A user of the cluster, told by a client certificate, and what their kubeconfig names.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The group they are in; a certificate of ours carries one.
    pub group: Option<&'a str>,
    /// The namespace of the context.
    pub namespace: Option<&'a str>,
    /// The name of the context.
    pub context: &'a str,
}

impl Login<'static> {
    /// Whoever may do everything.
    pub const ADMIN: Self =
        Login { group: Some("system:masters"), ..Login::of("kubernetes-admin") };
}

impl<'a> Login<'a> {
    /// A user without group or namespace, in a context called `tests`.
    #[must_use]
    pub const fn of(user: &'a str) -> Self {
        Self { user, group: None, namespace: None, context: "tests" }
    }

    /// The kubeconfig, with everything in it.
    ///
    /// JSON is YAML too, so that no name needs quoting by hand.
    pub(super) fn kubeconfig(&self, server: &str, authority: &str, pair: &Pair) -> String {
        let mut context = serde_json::json!({ "cluster": "tests", "user": self.user });
        if let (Some(namespace), Some(context)) = (self.namespace, context.as_object_mut()) {
            context.insert("namespace".to_owned(), namespace.into());
        }
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.context,
            "clusters": [{ "name": "tests", "cluster": {
                "server": server,
                "certificate-authority-data": STANDARD.encode(authority),
            }}],
            "users": [{ "name": self.user, "user": {
                "client-certificate-data": STANDARD.encode(&pair.cert),
                "client-key-data": STANDARD.encode(&pair.key),
            }}],
            "contexts": [{ "name": self.context, "context": context }],
        });
        format!("{config:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_names_server_user_context_and_namespace() {
        let pair = Pair { cert: "c".to_owned(), key: "k".to_owned() };
        let login = Login { namespace: Some("provers"), context: "here", ..Login::of("alice") };
        let text = login.kubeconfig("https://127.0.0.1:1", "a", &pair);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["current-context"], "here");
        assert_eq!(read["clusters"][0]["cluster"]["server"], "https://127.0.0.1:1");
        assert_eq!(read["users"][0]["user"]["client-key-data"], "aw==");
        assert_eq!(read["contexts"][0]["context"]["namespace"], "provers");
        assert_eq!(read["contexts"][0]["context"]["user"], "alice");
    }
}
