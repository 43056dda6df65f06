//! Whether the two halves of a key pair were swapped. A store cannot say so: it receives a secret as the id, and some
//! stores respond with an answer that cannot be read.

use aws_credential_types::Credentials as Keys;

use crate::base::refusal::Refusal;
use crate::repository::config::{Credentials, is_access_key_id, is_secret_access_key};

/// Refuses keys that look swapped, before anything is sent. The keys of other stores look different, and pass.
pub fn check(from: &Credentials, keys: &Keys) -> Result<(), Refusal> {
    let (id, secret) = names(from);
    let what = if is_secret_access_key(keys.access_key_id()) {
        format!("{id} holds what looks like a secret key")
    } else if is_access_key_id(keys.secret_access_key()) {
        format!("{secret} holds what looks like the id of an access key")
    } else {
        return Ok(());
    };
    Err(Refusal::new(
        "missing-credentials",
        format!("{what}; are the two swapped?"),
        format!(
            "set {id} to the access key id (at AWS it begins with AKIA or ASIA), and {secret} to the secret key"
        ),
    ))
}

/// The names of the two halves at the place that they come from.
fn names(from: &Credentials) -> (String, String) {
    match from {
        Credentials::Variables { access_key_id, secret_access_key, .. } => {
            (access_key_id.clone(), secret_access_key.clone())
        }
        Credentials::Profile(name) => (
            format!("`aws_access_key_id` of the profile `{name}`"),
            format!("`aws_secret_access_key` of the profile `{name}`"),
        ),
        Credentials::Ambient => ("AWS_ACCESS_KEY_ID".into(), "AWS_SECRET_ACCESS_KEY".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::config::SessionToken;

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn said(id: &str, secret: &str) -> Option<String> {
        let from = Credentials::Variables {
            access_key_id: "SITE_KEY".into(),
            secret_access_key: "SITE_SECRET".into(),
            session_token: SessionToken::None,
        };
        check(&from, &Keys::new(id, secret, None, None, "test")).err().map(|r| r.message)
    }

    #[test]
    fn keys_in_each_other_s_place_are_told_from_those_of_any_store() {
        let no_slash = SECRET.replace('/', "a");
        for (id, secret) in [(SECRET, ID), (&no_slash, ID), (SECRET, SECRET), (SECRET, "short")] {
            let expected = "SITE_KEY holds what looks like a secret key; are the two swapped?";
            assert_eq!(said(id, secret).as_deref(), Some(expected), "{id} {secret}");
        }
        for id in ["id", ID, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"] {
            let expected =
                "SITE_SECRET holds what looks like the id of an access key; are the two swapped?";
            assert_eq!(said(id, ID).as_deref(), Some(expected), "{id}");
        }
        for (id, secret) in [
            (ID, SECRET),
            // Garage, R2, B2, Google, Scaleway, MinIO.
            (
                "GK31c2f218a2e44f485b94239e",
                "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835",
            ),
            (
                "0123456789abcdef0123456789abcdef",
                "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835",
            ),
            ("0014f0a1b2c3d4e0000000001", "K001abcdefGHIJKLmnopQRSTuv/wx12"),
            ("GOOG1EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE", SECRET),
            ("SCWXXXXXXXXXXXXXXXXX", "11111111-2222-3333-4444-555555555555"),
            ("team/site", "minioadmin"),
        ] {
            assert_eq!(said(id, secret), None, "{id}");
        }
    }

    #[test]
    fn a_profile_is_named() {
        let keys = Keys::new(SECRET, ID, None, None, "test");
        let refusal = check(&Credentials::Profile("staging".into()), &keys).unwrap_err();
        assert!(refusal.message.starts_with("`aws_access_key_id` of the profile `staging` holds"));
        assert!(!format!("{refusal:?}").contains(SECRET));
    }
}
