//! The table of vendors: how each is identified, which variable holds the commit, which function reads the rest, and
//! the page that documents it. It exists only once: detection, job addresses, tests and the handbook's list follow it.

use super::claim::{Origin, Run, VendorClaim};
use super::other_systems::PULL_REQUESTS;
use super::variables::{ReadFile, Vars, says, says_no};
use super::{address, runs};

pub struct Vendor {
    /// The name that its users know.
    pub name: &'static str,
    /// The variable that identifies the vendor.
    pub told_by: &'static str,
    /// The value that it must have, in upper or lower case; `None` for any value. For `true`, every value counts that
    /// does not mean no.
    pub value: Option<&'static str>,
    /// The variable that holds the commit.
    pub commit: &'static str,
    /// The variables that hold the newest commit of a pull request's own branch. On GitHub it is in the event file.
    pub source: &'static [&'static str],
    pub run: fn(Vars, ReadFile) -> Run,
    /// The address of the job.
    pub job: fn(Vars) -> Option<String>,
    /// The page that documents the variables.
    #[cfg_attr(not(test), expect(dead_code, reason = "the page is for readers and tests"))]
    pub page: &'static str,
}

pub const GITHUB: &str = "GitHub Actions";

/// A job's address is searched for in this order, so a vendor that imitates another comes before it.
pub const VENDORS: [Vendor; 11] = [
    Vendor {
        name: "Woodpecker",
        told_by: "CI",
        value: Some("woodpecker"),
        commit: "CI_COMMIT_SHA",
        source: &[],
        run: |var, _| runs::woodpecker(var),
        job: |var| var("CI_PIPELINE_URL"),
        page: "https://woodpecker-ci.org/docs/usage/environment",
    },
    Vendor {
        name: "Drone",
        told_by: "DRONE",
        value: Some("true"),
        commit: "DRONE_COMMIT_SHA",
        source: &[],
        run: |var, _| runs::drone(var),
        job: |var| var("DRONE_BUILD_LINK"),
        page: "https://docs.drone.io/pipeline/environment/reference/",
    },
    Vendor {
        name: GITHUB,
        told_by: "GITHUB_ACTIONS",
        value: Some("true"),
        commit: "GITHUB_SHA",
        source: &[],
        run: runs::github,
        job: address::github,
        page: "https://docs.github.com/en/actions/reference/workflows-and-actions/variables",
    },
    Vendor {
        name: "GitLab",
        told_by: "GITLAB_CI",
        value: Some("true"),
        commit: "CI_COMMIT_SHA",
        source: &[
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA",
            "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA",
        ],
        run: |var, _| runs::gitlab(var),
        job: |var| var("CI_JOB_URL"),
        page: "https://docs.gitlab.com/ci/variables/predefined_variables/",
    },
    Vendor {
        name: "CircleCI",
        told_by: "CIRCLECI",
        value: Some("true"),
        commit: "CIRCLE_SHA1",
        source: &[],
        run: |var, _| runs::circle(var),
        job: |var| var("CIRCLE_BUILD_URL"),
        page: "https://circleci.com/docs/reference/variables/",
    },
    Vendor {
        name: "Buildkite",
        told_by: "BUILDKITE",
        value: Some("true"),
        commit: "BUILDKITE_COMMIT",
        source: &[],
        run: |var, _| runs::buildkite(var),
        job: |var| var("BUILDKITE_BUILD_URL"),
        page: "https://buildkite.com/docs/pipelines/configure/environment-variables",
    },
    Vendor {
        name: "Travis",
        told_by: "TRAVIS",
        value: Some("true"),
        commit: "TRAVIS_COMMIT",
        source: &["TRAVIS_PULL_REQUEST_SHA"],
        run: |var, _| runs::travis(var),
        job: |var| var("TRAVIS_JOB_WEB_URL"),
        page: "https://docs.travis-ci.com/user/environment-variables/",
    },
    Vendor {
        name: "Azure Pipelines",
        told_by: "TF_BUILD",
        value: Some("true"),
        commit: "BUILD_SOURCEVERSION",
        source: &["SYSTEM_PULLREQUEST_SOURCECOMMITID"],
        run: |var, _| runs::azure(var),
        job: address::azure,
        page: "https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables",
    },
    Vendor {
        name: "Bitbucket",
        told_by: "BITBUCKET_BUILD_NUMBER",
        value: None,
        commit: "BITBUCKET_COMMIT",
        source: &[],
        run: |var, _| runs::bitbucket(var),
        job: address::bitbucket,
        page: "https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/",
    },
    Vendor {
        name: "Jenkins",
        told_by: "JENKINS_URL",
        value: None,
        commit: "GIT_COMMIT",
        source: &["ghprbActualCommit", "gitlabMergeRequestLastCommit"],
        run: |var, _| runs::jenkins(var),
        job: |var| var("BUILD_URL"),
        page: "https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables",
    },
    Vendor {
        name: "CodeBuild",
        told_by: "CODEBUILD_BUILD_ID",
        value: None,
        commit: "CODEBUILD_RESOLVED_SOURCE_VERSION",
        source: &[],
        run: |var, _| runs::codebuild(var),
        job: address::codebuild,
        page: "https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html",
    },
];

/// The variables of these two have the same names, so if one vendor is identified, the other's variables count as well.
const NAMESAKES: [&str; 2] = ["GitLab", "Woodpecker"];

impl Vendor {
    /// Whether its variables can be trusted.
    pub fn is_told(&self, var: Vars) -> bool {
        let matches = |found: String| match self.value {
            None => true,
            Some("true") => !says_no(&found),
            Some(value) => found.eq_ignore_ascii_case(value),
        };
        var(self.told_by).is_some_and(matches)
    }
}

/// The claims of each vendor that is identified.
pub fn claims(var: Vars, read_file: ReadFile) -> Vec<VendorClaim> {
    let told = VENDORS.iter().filter(|vendor| vendor.is_told(var));
    told.map(|vendor| {
        let run = queued((vendor.run)(var, read_file));
        let is_pull_request = matches!(run, Run::PullRequest { .. });
        VendorClaim {
            vendor: vendor.name,
            run,
            // A build that was started by hand can have `HEAD` where a commit belongs.
            commit: var(vendor.commit)
                .filter(|commit| vendor.name != "Buildkite" || commit != "HEAD"),
            source: is_pull_request.then(|| source(vendor, var, read_file)).flatten(),
        }
    })
    .collect()
}

fn source(vendor: &Vendor, var: Vars, read_file: ReadFile) -> Option<String> {
    match vendor.name {
        GITHUB => runs::github_source(var, read_file),
        _ => vendor.source.iter().find_map(|name| var(name)),
    }
}

/// Claims against a deploy from vendors that are not identified, and from other systems: a vendor's variables count if
/// they say "pull request" or name an event that cannot be trusted, even if the variable that identifies the vendor is
/// missing. `told` holds the claims of the identified vendors.
pub fn objections(told: &[VendorClaim], var: Vars, read_file: ReadFile) -> Vec<VendorClaim> {
    let is_namesake = |vendor: &&Vendor| NAMESAKES.contains(&vendor.name);
    let one_is_told = VENDORS.iter().filter(is_namesake).any(|vendor| vendor.is_told(var));
    let untold = VENDORS.iter().filter(|vendor| !vendor.is_told(var));
    let of_vendors = untold.filter_map(|vendor| {
        let run = match queued((vendor.run)(var, read_file)) {
            Run::PullRequest { number, origin: Origin::Ours }
                if !(one_is_told && is_namesake(&vendor)) =>
            {
                Run::PullRequest { number, origin: Origin::Unproven(vendor.told_by) }
            }
            run @ (Run::PullRequest { .. }
            | Run::Untrusted { .. }
            | Run::PerhapsFork { .. }
            | Run::MergeQueue { .. }) => run,
            _ => return None,
        };
        Some(VendorClaim { vendor: vendor.name, run, commit: None, source: None })
    });
    // If a vendor already reports a pull request, nothing is added: workflows set such variables for pull requests
    // themselves.
    let is_known = told.iter().any(|claim| matches!(claim.run, Run::PullRequest { .. }));
    let said = PULL_REQUESTS.iter().filter(|(name, value)| match value {
        _ if is_known => false,
        None => says(var, name),
        Some(value) => var(name).is_some_and(|found| found.eq_ignore_ascii_case(value)),
    });
    let others = said.map(|(name, _)| VendorClaim {
        vendor: "CI",
        run: Run::PerhapsFork { told_by: name },
        commit: None,
        source: None,
    });
    of_vendors.chain(others).collect()
}

pub fn is_github(var: Vars) -> bool {
    VENDORS.iter().any(|vendor| vendor.name == GITHUB && vendor.is_told(var))
}

/// The address of this job, if it runs in CI. `var` returns variables that are set and not empty.
pub fn job(var: Vars) -> Option<String> {
    let told = VENDORS.iter().filter(|vendor| vendor.is_told(var));
    told.filter_map(|vendor| (vendor.job)(var)).find_map(|address| address::shown(&address))
}

/// Branches that merge queues push for their tests, as every vendor sees them.
/// <https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue>
const QUEUES: [&str; 3] = ["gh-readonly-queue/", "mergify/merge-queue/", "trunk-merge/"];

fn queued(run: Run) -> Run {
    match run {
        Run::Branch { name, .. } if QUEUES.iter().any(|queue| name.starts_with(queue)) => {
            Run::MergeQueue { name }
        }
        run => run,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_tells_its_jobs_without_secrets() {
        let secret = "https://user:token@host/a/b/7";
        for vendor in &VENDORS {
            let var = |name: &str| {
                Some(match name {
                    _ if name == vendor.told_by => vendor.value.unwrap_or("7").to_owned(),
                    _ if VENDORS.iter().any(|other| other.told_by == name) => return None,
                    "GITHUB_RUN_ID" | "BUILD_BUILDID" => "7".to_owned(),
                    "GITHUB_REPOSITORY" | "BITBUCKET_REPO_FULL_NAME" => "a/b".to_owned(),
                    "SYSTEM_TEAMPROJECT" => "b".to_owned(),
                    "CODEBUILD_BUILD_ARN" => return None,
                    _ => format!("{secret}?token=x#token"),
                })
            };
            let said = job(&var).unwrap_or_default();
            assert!(!said.is_empty() && !said.contains("token"), "{}: {said}", vendor.name);
        }
    }

    #[test]
    fn the_address_on_codebuild_is_made_of_the_builds_name() {
        let var = |name: &str| match name {
            "CODEBUILD_BUILD_ID" => Some("site:12-34".to_owned()),
            "CODEBUILD_BUILD_ARN" => {
                Some("arn:aws:codebuild:eu-central-1:111111111111:build/site:12-34".to_owned())
            }
            _ => None,
        };
        let expected = "https://eu-central-1.console.aws.amazon.com/codesuite/codebuild/111111111111/projects/site/build/site:12-34/";
        assert_eq!(job(&var).as_deref(), Some(expected));
    }
}
