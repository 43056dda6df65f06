//! `endpoint` and the host of `url`: addresses that look right but lead to the wrong place. Each of these mistakes puts
//! the site into a folder that is not served, or leads to an error that does not name the cause.

use std::ops::Range;

use super::super::problem::Problem;
use super::super::{Address, Branches, Environment};
use super::fields::{Value, complain};
use super::place::read_address;
use crate::base::key;

/// The region for which requests to an S3-compatible store are signed if nothing names one.
const USUAL_REGION: &str = "us-east-1";

/// Whether a value is an address of AWS itself, which has accounts and regions.
pub fn is_of_aws(value: &Value) -> bool {
    value.get_ref().as_str().and_then(Address::parse).is_some_and(|address| address.is_aws())
}

pub fn read_endpoint(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let before = problems.len();
    let address = read_address(value, problems)?;
    if problems.len() == before && Address::parse(&address).is_none() {
        let message = "`endpoint` must be a host and perhaps a port, such as \"https://s3.example.net\" or \"http://minio:9000\", without a query";
        complain(problems, value.span(), message);
    }
    Some(address)
}

/// Compares what an endpoint says about the bucket and the region with what the environment says about them.
pub fn check_endpoint(environment: &Environment, span: &Range<usize>, problems: &mut Vec<Problem>) {
    let Some(address) = environment.address() else { return };
    let found = bucket_in_path(environment, &address)
        .or_else(|| match address.is_aws() {
            true => not_an_address_of_s3(environment, &address),
            false => bucket_in_host(environment, &address),
        })
        .or_else(|| other_region(environment, &address));
    if let Some(message) = found {
        complain(problems, span.clone(), message);
    }
}

/// Dashboards show the address followed by the bucket. Everything would end up in a folder of the bucket that has the
/// bucket's name.
fn bucket_in_path(environment: &Environment, address: &Address) -> Option<String> {
    let store = address.with_host(&address.host);
    let above = match path_above(environment, &address.path) {
        Some(above) => above,
        None if address.is_aws() && !address.path.is_empty() => {
            return Some(format!("an address of S3 has no path; write endpoint = \"{store}\""));
        }
        None => return None,
    };
    let slash = if above.is_empty() { "" } else { "/" };
    Some(format!(
        "`endpoint` ends with the bucket, which `bucket` already names; write endpoint = \"{store}{slash}{above}\""
    ))
}

/// The part of an endpoint's path before the bucket, if the path ends in the bucket or in the folder of the site.
fn path_above<'p>(environment: &Environment, path: &'p str) -> Option<&'p str> {
    let bucket = Some(environment.bucket.as_str()).filter(|bucket| !bucket.is_empty())?;
    if path == format!("{bucket}/{}", environment.prefix.fixed()).trim_end_matches('/') {
        return Some("");
    }
    let above = path.strip_suffix(bucket)?;
    (above.is_empty() || above.ends_with('/')).then(|| above.trim_end_matches('/'))
}

/// The address of a bucket instead of that of its store.
fn bucket_in_host(environment: &Environment, address: &Address) -> Option<String> {
    let bucket = Some(environment.bucket.as_str()).filter(|bucket| !bucket.is_empty())?;
    let store = address.host.strip_prefix(bucket)?.strip_prefix('.')?;
    // The host name of the store itself may begin like this. If the file sets `path-style`, its author knows that.
    if environment.path_style.is_some() {
        return None;
    }
    Some(format!(
        "`endpoint` begins with the bucket, which `bucket` already names; write endpoint = \"{}\" (if this is the store's own name, add path-style = true)",
        address.with_host(store)
    ))
}

/// The part before AWS's domain, if S3 cannot be reached at this address.
/// <https://docs.aws.amazon.com/general/latest/gr/s3.html>
fn not_an_address_of_s3(environment: &Environment, address: &Address) -> Option<String> {
    let labels = address.labels();
    let first = labels.first().copied().unwrap_or_default();
    if labels.iter().any(|label| label.starts_with("s3-website")) {
        return Some("this is the website endpoint of a bucket, which serves visitors and accepts no files; remove `endpoint`, and write the address in `url`".into());
    }
    // An interface endpoint: https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html
    if labels.last() == Some(&"vpce") && labels.contains(&"s3") {
        let is_other = |label: &&&str| !label.starts_with("vpce-") && **label != "bucket";
        return labels.first().filter(is_other).map(|label| {
            format!("`endpoint` begins with `{label}`; begin it with bucket.vpce-…, with the word `bucket` itself")
        });
    }
    let is_of_s3 = |label: &str| {
        label == "s3"
            || label.strip_prefix("s3-").is_some_and(|kind| {
                kind == "fips"
                    || kind == "accelerate"
                    || kind.starts_with("fips-")
                    || address.region() == Some(kind)
            })
    };
    if is_of_s3(first) {
        return None;
    }
    let usual = format!("s3.{}.amazonaws.com", environment.region);
    match labels.iter().position(|label| is_of_s3(label)) {
        Some(at) => {
            let bucket = labels[..at].join(".");
            let store = address.host.strip_prefix(&format!("{bucket}.")).unwrap_or(&usual);
            Some(format!(
                "`endpoint` begins with a bucket, `{bucket}`, which belongs in `bucket`; remove `endpoint`, or write endpoint = \"{}\"",
                address.with_host(store)
            ))
        }
        None => Some("this is an address of AWS, but not of S3; remove `endpoint`".into()),
    }
}

/// A request that is signed for a region other than that of its host is declined.
fn other_region(environment: &Environment, address: &Address) -> Option<String> {
    let found = address.region().filter(|_| address.is_aws())?;
    let wanted = environment.region.as_str();
    (!wanted.is_empty() && wanted != found).then(|| {
        format!("`endpoint` is in {found}, but `region` is \"{wanted}\"; name the region of the bucket in both")
    })
}

/// The branches of an environment can be checked before any of them is deployed.
pub fn check_branch_in_host(
    environment: &Environment,
    span: &Range<usize>,
    problems: &mut Vec<Problem>,
) {
    let Some(url) = &environment.url else { return };
    let wrong = |branches: &Branches| match branches {
        Branches::Exactly(name) => url.no_host_with(name, &key::branch_segment(name)),
        Branches::Matching(glob) => url.no_host_with_glob(glob.glob().glob()),
    };
    if let Some(message) = environment.branches.iter().find_map(wrong) {
        complain(problems, span.clone(), message);
    }
}

impl Environment {
    /// If no region is given, it is the one in the endpoint's name.
    pub(super) fn with_usual_region(mut self) -> Environment {
        if self.region.is_empty() {
            let address = self.address();
            let told = address.as_ref().and_then(Address::region);
            self.region = told.unwrap_or(USUAL_REGION).to_owned();
        }
        self
    }
}
