//! Names of variables: those that reveal a credential, and those of public settings.

/// Whether a name reveals a credential. `upper` is the name in capitals.
pub fn looks_like_a_credential(upper: &str) -> bool {
    let is_key =
        || has_secret_word(upper) || ["KEY", "KEY_ID"].iter().any(|end| upper.ends_with(end));
    NAMES.contains(&upper)
        || STARTS.iter().any(|start| upper.starts_with(start))
        || PARTS.iter().any(|part| upper.contains(part))
        || JOBS.iter().any(|job| upper.starts_with(job)) && has_secret_word(upper)
        || (upper.contains("AWS") || upper.split('_').any(|word| STORES.contains(&word)))
            && is_key()
}

/// Variables that a framework copies into the pages, so their values are public.
pub const PUBLIC: [&str; 24] = [
    "VITE_",
    "REACT_APP_",
    "NEXT_PUBLIC_",
    "GATSBY_",
    "PUBLIC_",
    "NUXT_PUBLIC_",
    "NUXT_ENV_",
    "NUXT_APP_",
    "VUE_APP_",
    "EXPO_PUBLIC_",
    "NG_APP_",
    "SNOWPACK_PUBLIC_",
    "STORYBOOK_",
    "HUGO_",
    "PREACT_APP_",
    "GRIDSOME_",
    "RAZZLE_",
    "TARO_APP_",
    "UMI_APP_",
    "ELM_APP_",
    "MIX_",
    "NX_PUBLIC_",
    "BUN_PUBLIC_",
    "PLASMO_PUBLIC_",
];

/// Variables of AWS that neither hold credentials nor lead to them.
pub const HARMLESS: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"];

/// AWS's own variables, and variables that a CI job can exchange for the credentials of a role or for its own rights.
/// `MC_HOST_NAME` holds the address of a store with its keys.
const STARTS: [&str; 4] = ["AWS_", "CI_JOB_JWT", "ACTIONS_ID_TOKEN_", "MC_HOST_"];

const PARTS: [&str; 8] = [
    "_AWS_",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SECRET_KEY",
    "SECRETKEY",
    "ID_TOKEN",
    "OIDC_TOKEN",
    "NETRC_PASSWORD",
];

const NAMES: [&str; 17] = [
    "ACTIONS_RUNTIME_TOKEN",
    "AZURE_DEVOPS_EXT_PAT",
    "BUILDKITE_AGENT_ACCESS_TOKEN",
    "BUILDKITE_AGENT_JOB_API_TOKEN",
    "CIRCLE_TOKEN",
    // The address of the repository, with the job's token in it.
    "CI_REPOSITORY_URL",
    "FORGEJO_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GH_TOKEN",
    "GITEA_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "MINIO_ROOT_USER",
    "REPOSITORY_OAUTH_ACCESS_TOKEN",
    "SYSTEM_ACCESSTOKEN",
    // It can be exchanged for AWS credentials.
    "VAULT_TOKEN",
];

/// S3 and stores that speak its protocol. Their variables are credentials if another word of the name says so.
const STORES: [&str; 10] =
    ["S3", "S3CMD", "R2", "B2", "MINIO", "WASABI", "SPACES", "GARAGE", "CEPH", "SCW"];

/// Variables that a CI system sets for the job itself.
const JOBS: [&str; 5] = ["CI_", "DRONE_", "BITBUCKET_", "SEMAPHORE_", "TRAVIS_"];

const SECRET_WORDS: [&str; 9] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PRIVATE",
    "CREDENTIAL",
    "ACCESS_KEY",
    "ACCESSKEY",
    "APPLICATION_KEY",
];

pub fn has_secret_word(upper: &str) -> bool {
    SECRET_WORDS.iter().any(|word| upper.contains(word))
}
