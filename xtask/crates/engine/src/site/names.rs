//! What the name of a file or folder in the output says: whether it is meant for visitors.
//!
//! The list of secrets follows the file names that secret scanners look for, such as
//! <https://github.com/michenriksen/gitrob> and <https://github.com/gitleaks/gitleaks>. A name alone is only a
//! suspicion: the content decides, see [`super::private`].

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Nothing is special about it.
    Plain,
    /// It begins with a dot.
    Hidden,
    /// An operating system or file manager created it.
    System,
    /// An editor created it next to the file that was edited.
    Leftover,
    /// Files with such names usually hold secrets.
    Secret,
    /// A version control system's folder, or this tool's own. No glob publishes what is below it.
    Own,
}

/// What the name of a file says.
pub fn of_file(name: &str) -> Named {
    if is_usual(name) {
        return Named::Plain;
    }
    match of_any(name) {
        // A secret whose name begins with a dot is reported as a secret, because that is the reason that matters.
        Named::Plain | Named::Hidden if looks_secret(name) => Named::Secret,
        Named::Plain | Named::Hidden if is_leftover(name) => Named::Leftover,
        named => named,
    }
}

/// Whether a name is like those of nearly all files of a site. Such names are in none of the lists here, and every
/// deploy checks each file, so this saves time.
fn is_usual(name: &str) -> bool {
    let starts_usually = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    starts_usually && [".html", ".css", ".js", ".svg", ".png"].iter().any(|end| name.ends_with(end))
}

/// What the name of a folder says. A folder is never a secret: `process.env/` is a page.
pub fn of_folder(name: &str) -> Named {
    of_any(name)
}

fn of_any(name: &str) -> Named {
    match name {
        ".well-known" => Named::Plain,
        _ if OWN.contains(&name.to_ascii_lowercase().as_str()) => Named::Own,
        _ if is_system(name) => Named::System,
        _ if name.starts_with('.') => Named::Hidden,
        _ => Named::Plain,
    }
}

const OWN: [&str; 5] = [".git", ".hg", ".svn", ".bzr", ".xtask"];

/// In lower case: file systems of macOS and Windows do not distinguish cases.
const SYSTEM: [&str; 21] = [
    ".ds_store",
    ".localized",
    ".apdisk",
    ".appledouble",
    ".lsoverride",
    ".spotlight-v100",
    ".trashes",
    ".fseventsd",
    ".temporaryitems",
    ".documentrevisions-v100",
    "__macosx",
    // The icon of a folder on macOS. Its name ends in a carriage return.
    "icon\r",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    ".directory",
    "@eadir",
    "lost+found",
];

fn is_system(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    SYSTEM.contains(&lower.as_str())
        || ["._", ".trash-", ".fuse_hidden", ".nfs0"].iter().any(|start| lower.starts_with(start))
}

/// Whether an editor or an office program creates files with this name next to the edited file: a backup, a lock, or
/// unsaved changes.
fn is_leftover(name: &str) -> bool {
    const ENDINGS: [&str; 8] =
        [".swp", ".swo", ".swn", ".swx", ".kate-swp", ".asv", "___jb_tmp___", "___jb_old___"];
    let lower = name.to_ascii_lowercase();
    let is_between = |start: &str, end: &str| {
        lower.len() > start.len() + end.len() && lower.starts_with(start) && lower.ends_with(end)
    };
    is_between("", "~")
        || is_between("#", "#")
        || is_between(".#", "")
        || is_between(".~lock.", "#")
        || is_between("~$", "")
        || is_between("~wr", ".tmp")
        || ENDINGS.iter().any(|ending| is_between("", ending))
}

/// Whether files with this name usually hold secrets, also as a backup: `server.key~`, `id_rsa.old`.
pub fn looks_secret(name: &str) -> bool {
    if is_usual(name) {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let name = without_backup_ending(&lower);
    SECRET_NAMES.contains(&name)
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || [".env.", ".env-", ".env_"].iter().any(|start| name.starts_with(start))
        || is_plain_env(&lower)
        || is_service_account(name)
}

/// Whether files with this name usually hold secrets, unless they are pages or texts: `env`, `env.production`.
pub fn is_plain_env(name: &str) -> bool {
    const STAGES: [&str; 10] = [
        "local",
        "dev",
        "development",
        "test",
        "testing",
        "stage",
        "staging",
        "prod",
        "production",
        "live",
    ];
    let lower = name.to_ascii_lowercase();
    // `env.txt` is a text for visitors.
    if lower.ends_with(".txt") {
        return false;
    }
    let mut words = without_backup_ending(&lower).split(['.', '-', '_']);
    words.next() == Some("env") && words.all(|word| STAGES.contains(&word))
}

const SECRET_NAMES: [&str; 28] = [
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "id_xmss",
    ".env",
    ".envrc",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".git-credentials",
    ".dockercfg",
    ".htpasswd",
    "htpasswd",
    ".s3cfg",
    ".boto",
    "kubeconfig",
    "credentials",
    "credentials.csv",
    "rootkey.csv",
    "wp-config.php",
    "terraform.tfstate",
    "secring.gpg",
];

const SECRET_ENDINGS: [&str; 24] = [
    ".env",
    ".pem",
    ".key",
    ".p8",
    ".p12",
    ".pfx",
    ".pkcs12",
    ".ppk",
    ".jks",
    ".keystore",
    ".bks",
    ".kdb",
    ".kdbx",
    ".agilekeychain",
    ".keychain",
    ".keychain-db",
    ".ovpn",
    ".kubeconfig",
    ".tfstate",
    ".tfvars",
    "_rsa",
    "_dsa",
    "_ed25519",
    "accesskeys.csv",
];

/// Users choose the name of Google's file when they download it; these are usual.
fn is_service_account(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".json") else { return false };
    let words = stem.replace(['-', '_', '.'], "");
    ["serviceaccount", "serviceaccountkey", "clientsecret", "clientsecrets"]
        .iter()
        .any(|usual| words.starts_with(usual) || words.ends_with(usual))
}

/// A name without the endings that editors and people add to backup copies.
fn without_backup_ending(name: &str) -> &str {
    const ENDINGS: [&str; 11] =
        ["~", ".old", ".bak", ".backup", ".orig", ".save", ".swp", ".swo", ".tmp", " copy", ".txt"];
    let mut name = name;
    while let Some(shorter) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))
        && !shorter.is_empty()
    {
        name = shorter;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_also_as_backups() {
        for name in [
            "ID_RSA",
            "id_ed25519",
            "server.key",
            "cert.PEM",
            "x.p12",
            "x.pfx",
            "a.p8",
            "prod.env",
            ".env",
            ".env.production",
            ".env.local.bak",
            ".env-production",
            ".env_local",
            ".envrc",
            "env",
            "ENV",
            "env.production",
            "env.local",
            "env.production.local",
            "env-staging",
            "env.bak",
            "secring.gpg",
            ".npmrc",
            ".htpasswd",
            "kubeconfig",
            "prod.kubeconfig",
            "credentials",
            "server.key~",
            "id_ed25519.old",
            "id_rsa copy",
            "terraform.tfstate",
            "terraform.tfstate.backup",
            "prod.tfvars",
            "x.kdbx",
            "x.ppk",
            "service-account.json",
            "service_account_key.json",
            "my-service-account.json",
            "client_secret_1234.json",
            "prod_accessKeys.csv",
            "rootkey.csv",
            "wp-config.php.bak",
            "deploy_rsa",
            "release.keystore",
            "id_rsa.txt",
        ] {
            assert_eq!(of_file(name), Named::Secret, "{name}");
        }
        for name in [
            "key",
            "monkey",
            "pem.html",
            "id_rsa.html",
            "id_rsa.pub",
            "keys.html",
            "environment",
            "notes.txt",
            "credentials.html",
            "~",
            ".well-known",
            "env.js",
            "env.d.ts",
            "env.html",
            "env.txt",
            "env.local.txt",
            "env.example",
            "environment.production",
        ] {
            assert_eq!(of_file(name), Named::Plain, "{name}");
        }
    }

    #[test]
    fn a_folder_is_never_a_secret() {
        for name in ["process.env", "foo.key", "credentials", "a.pem"] {
            assert_eq!(of_folder(name), Named::Plain, "{name}");
        }
        assert_eq!(of_folder(".net"), Named::Hidden);
        assert_eq!(of_folder(".Git"), Named::Own);
    }

    #[test]
    fn leftovers_of_editors_are_known() {
        for name in [
            "~$report.docx",
            "~$DGET.XLSX",
            "index.html~",
            "index.html.~1~",
            "#index.html#",
            ".#index.html",
            "index.html.swp",
            ".index.html.swp",
            "notes.SWO",
            ".~lock.report.odt#",
            "~WRL0001.tmp",
            "index.html___jb_tmp___",
        ] {
            assert_eq!(of_file(name), Named::Leftover, "{name}");
            assert_ne!(of_folder(name), Named::Leftover, "{name}");
        }
        for name in ["~", "#", "##", "~user", "c#", "#1", "swp", "a~b.html", "write.tmp", "~wr"] {
            assert_eq!(of_file(name), Named::Plain, "{name}");
        }
        assert_eq!(of_file("server.key~"), Named::Secret);
    }

    #[test]
    fn files_of_operating_systems_are_known_in_any_case() {
        for name in [
            "Thumbs.db",
            "thumbs.db",
            ".DS_Store",
            "desktop.ini",
            "Desktop.ini",
            "Icon\r",
            "._photo.jpg",
            "__MACOSX",
            ".Trash-1000",
            "@eaDir",
            "$RECYCLE.BIN",
            "lost+found",
        ] {
            assert_eq!(of_file(name), Named::System, "{name}");
        }
        for name in ["icon", "thumbs.db.html", "desktop.init", "_photo.jpg"] {
            assert_eq!(of_file(name), Named::Plain, "{name}");
        }
    }
}
