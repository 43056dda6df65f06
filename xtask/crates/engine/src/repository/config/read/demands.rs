//! `acl` and `encryption`: what a bucket demands of every write.

use super::super::problem::Problem;
use super::super::{Acl, Demands, Encryption};
use super::fields::{Fields, Value, complain, string};

pub fn read_demands(
    acl: Option<&Value>,
    encryption: Option<&Value>,
    problems: &mut Vec<Problem>,
) -> Demands {
    Demands {
        acl: acl.and_then(|value| read_acl(value, problems)),
        encryption: encryption.and_then(|value| read_encryption(value, problems)),
    }
}

fn read_acl(value: &Value, problems: &mut Vec<Problem>) -> Option<Acl> {
    let (name, span) = string(value, problems)?;
    let acl = Acl::ALL.into_iter().find(|acl| acl.name() == name);
    if acl.is_none() {
        let known = Acl::ALL.map(|acl| format!("\"{}\"", acl.name())).join(", ");
        let why = match name.as_str() {
            "public-read-write" => {
                "; with \"public-read-write\" strangers could change the objects"
            }
            _ => "",
        };
        complain(problems, span, format!("`acl` must be one of {known}{why}"));
    }
    acl
}

fn read_encryption(value: &Value, problems: &mut Vec<Problem>) -> Option<Encryption> {
    if value.get_ref().is_table() {
        let mut fields = Fields::of(value, "encryption", problems)?;
        let kms = fields.required("kms");
        fields.no_others();
        let (key, span) = string(kms?, problems)?;
        if is_arn_of_key(&key) {
            return Some(Encryption::Kms(key));
        }
        let message = "`kms` must be the ARN of a key or alias, such as \"arn:aws:kms:eu-central-1:111111111111:alias/site\"";
        complain(problems, span, message);
        return None;
    }
    if value.get_ref().as_str() == Some("AES256") {
        return Some(Encryption::Aes256);
    }
    let message = "`encryption` must be \"AES256\" or { kms = \"arn:aws:kms:…\" }";
    complain(problems, value.span(), message);
    None
}

/// A key's id or an alias alone would name a key in the caller's account. The ARNs of other stores have no region and
/// no account.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
fn is_arn_of_key(key: &str) -> bool {
    let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain && key.starts_with("arn:") && key.split(':').nth(2) == Some("kms")
}
