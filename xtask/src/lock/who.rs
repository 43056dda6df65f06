//! Who deploys, in words that help whoever finds the lock held: the address of the CI job, else the user and
//! the machine.

/// `var` gives a variable that is set and not empty.
pub fn who(var: &dyn Fn(&str) -> Option<String>) -> String {
    // Shells know the machine's name and rarely export it; Linux tells it here.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
    who_on(machine.ok().map(|name| name.trim().to_owned()), var)
}

pub(super) fn who_on(machine: Option<String>, var: &dyn Fn(&str) -> Option<String>) -> String {
    job(var).unwrap_or_else(|| person(machine, var))
}

/// The address of the CI job. As everywhere, a vendor's variables are believed only where the variable that
/// tells the vendor is set.
fn job(var: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let is = |name, value: &str| var(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
    match () {
        // Before GitLab, some of whose variables it sets.
        // <https://woodpecker-ci.org/docs/usage/environment>
        _ if is("CI", "woodpecker") => var("CI_PIPELINE_URL"),
        // <https://docs.drone.io/pipeline/environment/reference/drone-build-link/>
        _ if is("DRONE", "true") => var("DRONE_BUILD_LINK"),
        // <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
        _ if is("GITHUB_ACTIONS", "true") => Some(format!(
            "{}/{}/actions/runs/{}",
            var("GITHUB_SERVER_URL")?,
            var("GITHUB_REPOSITORY")?,
            var("GITHUB_RUN_ID")?
        )),
        // <https://docs.gitlab.com/ci/variables/predefined_variables/>
        _ if is("GITLAB_CI", "true") => var("CI_JOB_URL"),
        // <https://circleci.com/docs/reference/variables/>
        _ if is("CIRCLECI", "true") => var("CIRCLE_BUILD_URL"),
        // <https://buildkite.com/docs/pipelines/configure/environment-variables>
        _ if is("BUILDKITE", "true") => var("BUILDKITE_BUILD_URL"),
        // <https://docs.travis-ci.com/user/environment-variables/>
        _ if is("TRAVIS", "true") => var("TRAVIS_JOB_WEB_URL"),
        // <https://learn.microsoft.com/azure/devops/pipelines/build/variables>
        _ if is("TF_BUILD", "true") => Some(format!(
            "{}{}/_build/results?buildId={}",
            var("SYSTEM_COLLECTIONURI")?,
            var("SYSTEM_TEAMPROJECT")?.replace(' ', "%20"),
            var("BUILD_BUILDID")?
        )),
        // <https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/>
        _ if var("BITBUCKET_BUILD_NUMBER").is_some() => Some(format!(
            "https://bitbucket.org/{}/pipelines/results/{}",
            var("BITBUCKET_REPO_FULL_NAME")?,
            var("BITBUCKET_BUILD_NUMBER")?
        )),
        // <https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables>
        _ if var("JENKINS_URL").is_some() => var("BUILD_URL"),
        // <https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html>
        _ if var("CODEBUILD_BUILD_ID").is_some() => var("CODEBUILD_BUILD_URL"),
        _ => None,
    }
}

fn person(machine: Option<String>, var: &dyn Fn(&str) -> Option<String>) -> String {
    let first = |names: &[&str]| names.iter().find_map(|name| var(name));
    let user = first(&["USER", "LOGNAME", "USERNAME"]);
    let host = first(&["HOSTNAME", "COMPUTERNAME"]).or(machine);
    match (user, host) {
        (Some(user), Some(host)) => format!("{user}@{host}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "somebody".to_owned(),
    }
}
