//! Commands of shells.

use super::*;

fn script(text: &str, expected: Expect) {
    check(&[("deploy.sh", text)], expected);
}

#[test]
fn several_commands_make_one_place() {
    script(
        r#"
aws s3 sync dist/ s3://example.com/ --delete --exclude "*.html" --exclude "uploads/*" \
  --cache-control 'public, max-age=31536000' --region=us-east-1 --sse
aws s3 cp dist s3://example.com --recursive --exclude "*" --include "*.html" --include "sw.js" \
  --cache-control no-cache --content-type "text/html; charset=utf-8"
aws s3 cp dist/robots.txt s3://example.com/robots.txt --cache-control max-age=60
aws s3 sync dist/fonts s3://example.com/fonts --cache-control immutable
aws s3 cp s3://example.com/ s3://example.com/ --recursive --metadata-directive REPLACE \
  --exclude "*" --include "*.svg" --content-type image/svg+xml
aws s3 cp other.txt s3://example.com/other.txt
aws cloudfront create-invalidation --distribution-id=E1EXAMPLE --paths '/*'
"#,
        expect![[r#"
            deploy.sh:2: `dist` to `example.com/`; region us-east-1; encryption AES256; keep uploads/**; distribution E1EXAMPLE
                ** gets cache-control: public, max-age=31536000
                **/*.html gets cache-control: no-cache, content-type: text/html; charset=utf-8
                sw.js gets cache-control: no-cache, content-type: text/html; charset=utf-8
                robots.txt gets cache-control: max-age=60
                fonts/** gets cache-control: immutable
                **/*.svg gets content-type: image/svg+xml
            note: deploy.sh:10: `other.txt` is sent from outside of the folder of the site
            note: deploy.sh:11: today's deploy invalidates the distribution `E1EXAMPLE` after it: this tool does not do that yet
        "#]],
    );
    script(
        "aws s3 sync p s3://b --cache-control long --exclude '*.html'\naws s3 sync p s3://b --acl private",
        expect![[r#"
            deploy.sh:1: `p` to `b/`; acl private
                ** gets cache-control: long
            note: deploy.sh:1: `cache-control` is set for all files but `*.html`, which a rule for all files cannot say
        "#]],
    );
}

#[test]
fn variables_have_values_only_if_the_file_sets_them() {
    script(
        r#"
BUCKET="www.example.com"; readonly DIR='public'
export AWS_PROFILE=site REGION=eu-west-1
aws s3 sync "$DIR" "s3://${BUCKET}/" --region $REGION
OPTS="--delete --acl public-read"
aws s3 sync $DIR s3://a.example.com $OPTS
aws s3 sync $DIR s3://$NOWHERE
aws s3 sync $DIR s3://${GIVEN:-default}
aws s3 sync $DIR "s3://$(terraform output -raw bucket)/"
aws s3 sync $DIR s3://c.example.com --cache-control "max-age=$AGE" --profile "$WHO"
NAME=x.example.com aws s3 sync "$DIR" s3://d.example.com
aws s3 sync $DIR s3://$NAME
[ -z "$BUCKET" ] && BUCKET=y.example.com
aws s3 sync $DIR s3://$BUCKET
"#,
        expect![[r#"
            deploy.sh:4: `public` to `www.example.com/`; credentials profile site; region eu-west-1
            deploy.sh:6: `public` to `a.example.com/`; credentials profile site; acl public-read
            deploy.sh:10: `public` to `c.example.com/`
            deploy.sh:11: `public` to `d.example.com/`; credentials profile site
            note: deploy.sh:7: `aws s3 sync` sends files to a place with `$NOWHERE` in its name, which the file does not set
            note: deploy.sh:8: `aws s3 sync` sends files to a place with `${GIVEN:-default}` in its name, which the file does not set
            note: deploy.sh:9: `aws s3 sync` sends files to a place with `$(terraform output -raw bucket)` in its name, which the file does not set
            note: deploy.sh:10: `--cache-control` contains `$AGE`, which the file does not set
            note: deploy.sh:10: `--profile` contains `$WHO`, which the file does not set
            note: deploy.sh:12: `aws s3 sync` sends files to a place with `$NAME` in its name, which the file does not set
            note: deploy.sh:14: `aws s3 sync` sends files to a place with `$BUCKET` in its name, which the file does not set
        "#]],
    );
}

#[test]
fn conditions_name_branches_and_places() {
    script(
        r#"
BRANCH=$(git rev-parse --abbrev-ref HEAD)
if [[ "$TRAVIS_BRANCH" == "master" ]] || [[ "$TRAVIS_BRANCH" == release/* ]]; then
  aws s3 sync public s3://example.com
fi
case "$CI_COMMIT_REF_NAME" in
  master|main) aws s3 sync public s3://m.example.com ;;
  (feature/*)
    BUCKET=f.example.com
    aws s3 sync public s3://$BUCKET ;;
  *) aws s3 sync public s3://other.example.com ;;
esac
aws s3 sync public s3://$BUCKET
case $1 in production) aws s3 sync public s3://p.example.com;; staging) aws s3 sync public s3://s.example.com;; esac
if [ "$1" == "--prod" ]; then B=prod.example.com; else B=test.example.com; fi
aws s3 sync public s3://$B
[ "$GIT_BRANCH" = main ] && aws s3 sync public s3://chain.example.com
if [ "$GIT_BRANCH" != main ]; then aws s3 sync public s3://not.example.com; fi
if test "$GITHUB_REF" = refs/heads/live; then
  (cd web && aws s3 sync build s3://live.example.com)
fi
aws s3 sync build s3://last.example.com
"#,
        expect![[r#"
            deploy.sh:4: `public` to `example.com/`; branches master release/**
            deploy.sh:7: `public` to `m.example.com/`; branches master main
            deploy.sh:10: `public` to `f.example.com/`; branches feature/**
            deploy.sh:11: `public` to `other.example.com/`
            deploy.sh:14: `public` to `p.example.com/`; name production
            deploy.sh:14: `public` to `s.example.com/`; name staging
            deploy.sh:17: `public` to `chain.example.com/`; branches main
            deploy.sh:18: `public` to `not.example.com/`
            deploy.sh:20: `web/build` to `live.example.com/`; branches live
            deploy.sh:22: `build` to `last.example.com/`
            note: deploy.sh:11: `aws s3 sync` runs only for some branches, and it is not clear for which
            note: deploy.sh:13: `aws s3 sync` sends files to a place with `$BUCKET` in its name, which the file does not set
            note: deploy.sh:16: `aws s3 sync` sends files to a place with `$B` in its name, which the file does not set
            note: deploy.sh:18: `aws s3 sync` runs only for some branches, and it is not clear for which
        "#]],
    );
}

/// Lines of a job, each of which is a command.
const KEYS: &[&str] = &[
    "aws configure set aws_access_key_id $A --profile p\naws configure set aws_secret_access_key ${B} --profile p\naws configure --profile p set region eu-west-3\naws s3 sync d s3://configured --profile p",
    "aws configure set aws_access_key_id $A\naws configure set aws_secret_access_key $B\naws s3 sync d s3://default",
    "printf \"[x]\\naws_access_key_id=%s\\naws_secret_access_key=%s\\n\" \"$A\" \"$B\" > ~/.aws/credentials\naws s3 sync d s3://printed --profile x",
    "echo -e \"[x]\\naws_access_key_id = ${A}\\naws_secret_access_key = ${B}\" >> $HOME/.aws/credentials\naws --profile x s3 sync d s3://echoed",
    "AWS_ACCESS_KEY_ID=$A AWS_SECRET_ACCESS_KEY=$B aws s3 sync d s3://prefixed",
    "export AWS_ACCESS_KEY_ID=$(vault read x)\naws s3 sync d s3://vault",
    "aws sts assume-role --role-arn arn:aws:iam::333333333333:role/r --role-session-name x\naws s3 sync d s3://assumed",
    "export $(printf \"AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\" $(aws sts assume-role-with-web-identity --role-arn arn:aws:iam::444444444444:role/web --query x))\naws s3 sync d s3://web",
    "C=$(aws sts assume-role --role-arn $ROLE)\nexport AWS_ACCESS_KEY_ID=$(echo $C | jq -r .x)\naws s3 sync d s3://unknown",
    "C=$(aws sts assume-role --role-arn \"arn:aws:iam::555555555555:role/x\")\nexport AWS_ACCESS_KEY_ID=$(echo $C | jq -r .x)\naws s3 sync d s3://jq",
    "export AWS_ROLE_ARN=arn:aws:iam::666666666666:role/w\naws s3 sync d s3://variable",
    "aws-vault exec prod -- aws s3 sync d s3://vaulted",
    "aws-vault exec $WHO --no-session -- aws s3 sync d s3://somebody",
    "s3cmd sync --access_key=$A --secret_key=$B -P --delete-removed --add-header='Cache-Control: max-age=9' public/ s3://cmd/a",
    "s3cmd sync public s3://cmd",
    "s5cmd --endpoint-url https://s3.example.net sync --delete public/ s3://five/",
    "rclone sync public remote:bucket",
    "docker run --rm -v $PWD:/aws amazon/aws-cli s3 sync d s3://docker --sse aws:kms --sse-kms-key-id arn:aws:kms:eu-central-1:111111111111:key/1",
    "bash -c 'aws s3 sync d s3://nested --sse aws:kms'",
    "aws s3 sync s3://one s3://two\naws s3 cp s3://one/f f\naws s3 sync s3://one d\naws s3 ls s3://one\naws s3 cp a.zip s3://artifacts/a.zip\naws s3 sync --dryrun d s3://dry",
];

#[test]
fn keys_come_from_variables_profiles_and_roles() {
    let file = |commands: &str| {
        let items: Vec<String> =
            commands.lines().map(|line| format!("    - |\n      {line}\n")).collect();
        format!("deploy:\n  script:\n{}", items.concat())
    };
    let drawn: Vec<String> =
        KEYS.iter().map(|case| drawn(&repository(&[(".gitlab-ci.yml", &file(case))]))).collect();
    expect![[r#"
        .gitlab-ci.yml:10: `d` to `configured/`; name deploy; credentials A+B; region eu-west-3
        --
        .gitlab-ci.yml:8: `d` to `default/`; name deploy; credentials A+B
        --
        .gitlab-ci.yml:6: `d` to `printed/`; name deploy; credentials A+B
        --
        .gitlab-ci.yml:6: `d` to `echoed/`; name deploy; credentials A+B
        --
        .gitlab-ci.yml:4: `d` to `prefixed/`; name deploy; credentials A+B
        --
        .gitlab-ci.yml:6: `d` to `vault/`; name deploy
        --
        .gitlab-ci.yml:6: `d` to `assumed/`; name deploy; credentials role arn:aws:iam::333333333333:role/r; account 333333333333
        --
        .gitlab-ci.yml:6: `d` to `web/`; name deploy; credentials role arn:aws:iam::444444444444:role/web; account 444444444444
        --
        .gitlab-ci.yml:8: `d` to `unknown/`; name deploy
        --
        .gitlab-ci.yml:8: `d` to `jq/`; name deploy; credentials role arn:aws:iam::555555555555:role/x; account 555555555555
        --
        .gitlab-ci.yml:6: `d` to `variable/`; name deploy; credentials role arn:aws:iam::666666666666:role/w; account 666666666666
        --
        .gitlab-ci.yml:4: `d` to `vaulted/`; name deploy; credentials profile prod
        --
        .gitlab-ci.yml:4: `d` to `somebody/`; name deploy
        --
        .gitlab-ci.yml:4: `public` to `cmd/a/`; name deploy; credentials A+B; acl public-read
            ** gets cache-control: max-age=9
        --
        .gitlab-ci.yml:4: `public` to `cmd/public/`; name deploy; credentials usual keys
        --
        .gitlab-ci.yml:4: `public` to `five/`; name deploy; credentials usual keys; endpoint https://s3.example.net
        --
        note: .gitlab-ci.yml:4: `rclone` sends files to `remote:bucket`, and the configuration of rclone says where that is
        --
        .gitlab-ci.yml:4: `d` to `docker/`; name deploy; credentials usual keys; encryption arn:aws:kms:eu-central-1:111111111111:key/1
        --
        .gitlab-ci.yml:4: `d` to `nested/`; name deploy; credentials usual keys
        note: .gitlab-ci.yml:4: `--sse aws:kms` needs the ARN of its key in `deploy.toml`, which the file does not say
        --
        note: .gitlab-ci.yml:4: `aws s3 sync` copies from the bucket `one` to `two`
    "#]].assert_eq(&drawn.join("--\n"));
    script(
        "cat > ~/.aws/credentials <<EOF\n[site]\naws_access_key_id=${A}\naws_secret_access_key=$B\nEOF\naws s3 sync d s3://here --profile site\n",
        expect![[r#"
            deploy.sh:6: `d` to `here/`; credentials A+B
        "#]],
    );
}
