//! The files of CI vendors.

use super::*;

const CIRCLECI: &str = r#"
version: 2.1
orbs:
  aws-cli: circleci/aws-cli@4.1
  aws-s3: circleci/aws-s3@4.0
commands:
  send:
    parameters:
      bucket: { type: string }
      cache: { type: string, default: "max-age=60" }
    steps:
      - run:
          name: Send
          command: |
            set -e
            aws s3 sync dist/ s3://<< parameters.bucket >> \
              --delete --cache-control "<< parameters.cache >>"
jobs:
  build:
    docker: [{ image: cimg/node:20.0 }]
    steps: [checkout, run: npm ci]
  production:
    environment:
      AWS_REGION: eu-central-1
    steps:
      - attach_workspace: { at: . }
      - send:
          bucket: www.example.com
      - run: aws cloudfront create-invalidation --distribution-id E2EXAMPLE --paths "/*"
  staging:
    steps:
      - aws-cli/setup:
          aws-access-key-id: STG_KEY
          aws-secret-access-key: STG_SECRET
          region: us-west-2
      - aws-s3/sync:
          from: dist
          to: s3://stg.example.com/
          arguments: |
            --acl public-read \
            --exclude ".git/*" \
            --delete
  preview:
    steps:
      - aws-cli/setup: { role-arn: "arn:aws:iam::222222222222:role/deploy", region: us-east-1 }
      - run: aws s3 sync dist s3://preview.example.com/$CIRCLE_BRANCH
      - when:
          condition: true
          steps:
            - run: aws s3 sync dist s3://preview.example.com/all
workflows:
  main:
    jobs:
      - build
      - production:
          requires: [build]
          filters: { branches: { only: [main, master] } }
      - staging:
          filters:
            branches:
              only: /release\/.*/
      - preview:
          filters:
            branches:
              ignore: [main, master]
"#;

#[test]
fn circleci_names_branches_in_its_workflows() {
    check(
        &[(".circleci/config.yml", CIRCLECI)],
        expect![[r#"
            .circleci/config.yml:16: `dist` to `www.example.com/`; name production; branches main master; credentials usual keys; region eu-central-1; distribution E2EXAMPLE
                ** gets cache-control: max-age=60
            .circleci/config.yml:36: `dist` to `stg.example.com/`; name staging; branches release/**; credentials STG_KEY+STG_SECRET; region us-west-2; acl public-read; keep .git/**
            .circleci/config.yml:50: `dist` to `preview.example.com/all/`; name preview; credentials role arn:aws:iam::222222222222:role/deploy; region us-east-1; account 222222222222
            note: .circleci/config.yml:29: today's deploy invalidates the distribution `E2EXAMPLE` after it: this tool does not do that yet
            note: .circleci/config.yml:56: the job waits for `build`: a job in a new CI file does not
            note: .circleci/config.yml:46: `aws s3 sync` sends files to a place with `$CIRCLE_BRANCH` in its name, which the file does not set (found there: region `us-east-1`, account `222222222222`)
            note: .circleci/config.yml:50: `aws s3 sync` runs only for some branches, and it is not clear for which
            note: .circleci/config.yml:16: `cache-control: max-age=60` is set for all files only in .circleci/config.yml:16, and not for `stg.example.com`, `preview.example.com/all`
        "#]],
    );
}

#[test]
fn circleci_without_workflows_has_branches_in_its_jobs() {
    let file = r#"
version: 2
jobs:
  build:
    branches:
      only:
        - master
    steps:
      - run: hugo
      - deploy:
          name: deploy to S3
          command: |
            if [ "${CIRCLE_BRANCH}" == "master" ]; then
              s3deploy -source=public/ -region=eu-west-1 -bucket=example.com -distribution-id=E1EXAMPLE
            elif [ "${CIRCLE_BRANCH}" == "develop" ]; then
              s3deploy -source=public/ -region=eu-west-1 -bucket=dev.example.com -public-access
            else
              s3deploy -source=public/ -region=eu-west-1 -bucket=other.example.com -path docs
            fi
"#;
    let routes = r#"
routes:
    - route: "^.+\\.(js|css|svg|ttf)$"
      headers:
          Cache-Control: "max-age=31536000, no-transform, public"
      gzip: true
    - route: "^.+\\.(png|jpg)$"
      headers: { Cache-Control: "max-age=86400" }
      gzip: false
    - route: "^.+\\.(html|xml|json)$"
      gzip: true
"#;
    check(
        &[(".circleci/config.yml", file), (".s3deploy.yml", routes)],
        expect![[r#"
            .circleci/config.yml:14: `public` to `example.com/`; name build; branches master; credentials usual keys; region eu-west-1; distribution E1EXAMPLE
                **/*.png gets cache-control: max-age=86400
                **/*.jpg gets cache-control: max-age=86400
                **/*.js gets cache-control: max-age=31536000, no-transform, public
                **/*.css gets cache-control: max-age=31536000, no-transform, public
                **/*.svg gets cache-control: max-age=31536000, no-transform, public
                **/*.ttf gets cache-control: max-age=31536000, no-transform, public
            .circleci/config.yml:16: `public` to `dev.example.com/`; name build; branches develop; credentials usual keys; region eu-west-1; acl public-read
                **/*.png gets cache-control: max-age=86400
                **/*.jpg gets cache-control: max-age=86400
                **/*.js gets cache-control: max-age=31536000, no-transform, public
                **/*.css gets cache-control: max-age=31536000, no-transform, public
                **/*.svg gets cache-control: max-age=31536000, no-transform, public
                **/*.ttf gets cache-control: max-age=31536000, no-transform, public
            .circleci/config.yml:18: `public` to `other.example.com/docs/`; name build; credentials usual keys; region eu-west-1
                **/*.png gets cache-control: max-age=86400
                **/*.jpg gets cache-control: max-age=86400
                **/*.js gets cache-control: max-age=31536000, no-transform, public
                **/*.css gets cache-control: max-age=31536000, no-transform, public
                **/*.svg gets cache-control: max-age=31536000, no-transform, public
                **/*.ttf gets cache-control: max-age=31536000, no-transform, public
            note: .circleci/config.yml:14: today's deploy invalidates the distribution `E1EXAMPLE` after it: this tool does not do that yet
            note: .circleci/config.yml:18: `s3deploy` runs only for some branches, and it is not clear for which
            note: .s3deploy.yml:10: `gzip` compresses the files of `^.+\.(html|xml|json)$`, which this tool does not
            note: .s3deploy.yml:3: `gzip` compresses the files of `^.+\.(js|css|svg|ttf)$`, which this tool does not
        "#]],
    );
}

#[test]
fn github_assumes_a_role_for_a_branch() {
    let file = r#"
name: Deploy
on:
  push:
    branches: [main, "feature/**"]
permissions: { id-token: write }
env:
  BUCKET: www.example.com
  DISTRIBUTION: E2EXAMPLE
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment:
      name: production
      url: https://www.example.com
    steps:
      - uses: actions/checkout@v4
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: arn:aws:iam::111111111111:role/deploy-site
          aws-region: eu-central-1
      - run: hugo --minify
      - name: Sync
        run: |
          aws s3 sync ./public/ s3://${{ env.BUCKET }}/ --delete --exclude "*.html" --cache-control "max-age=31536000"
          aws s3 sync ./public/ s3://${{ env.BUCKET }}/ --delete --exclude "*" --include "*.html" \
            --cache-control "no-cache"
      - run: aws cloudfront create-invalidation --distribution-id "$DISTRIBUTION" --paths "/*"
"#;
    check(
        &[(".github/workflows/deploy.yml", file)],
        expect![[r#"
            .github/workflows/deploy.yml:25: `public` to `www.example.com/`; name production; branches main feature/**; credentials role arn:aws:iam::111111111111:role/deploy-site; region eu-central-1; account 111111111111; distribution E2EXAMPLE; url https://www.example.com
                ** gets cache-control: max-age=31536000
                **/*.html gets cache-control: no-cache
            note: .github/workflows/deploy.yml:28: today's deploy invalidates the distribution `E2EXAMPLE` after it: this tool does not do that yet
            note: .github/workflows/deploy.yml:14: the job names the environment `production`: a job in a new CI file has its secrets and rules only if it names it too
        "#]],
    );
}

#[test]
fn github_has_conditions_on_jobs_and_steps() {
    let file = r#"
on: [push]
defaults: { run: { working-directory: web } }
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - name: Production
        if: github.ref == 'refs/heads/main' && github.event_name == 'push'
        run: aws s3 sync dist s3://example.com --delete
        env:
          AWS_ACCESS_KEY_ID: ${{ secrets.PROD_KEY_ID }}
          AWS_SECRET_ACCESS_KEY: ${{ secrets.PROD_SECRET }}
          AWS_DEFAULT_REGION: us-east-1
      - name: Staging
        if: ${{ github.ref_name == 'develop' || github.ref_name == 'staging' }}
        working-directory: ./web/app
        run: aws s3 sync ${{ github.workspace }}/web/dist s3://stg.example.com
        env:
          AWS_ACCESS_KEY_ID: ${{ secrets.STG_KEY_ID }}
          AWS_SECRET_ACCESS_KEY: ${{ secrets.STG_SECRET }}
  release:
    if: startsWith(github.ref, 'refs/heads/release/')
    steps:
      - run: aws s3 sync out s3://rel.example.com/latest
  tags:
    if: startsWith(github.ref, 'refs/tags/')
    steps:
      - run: aws s3 sync out s3://tags.example.com
  secret:
    if: github.event_name == 'workflow_dispatch'
    steps:
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: ${{ secrets.ROLE }}
          aws-region: ${{ vars.REGION }}
      - run: aws s3 sync out s3://${{ secrets.BUCKET }}/ --delete
      - run: echo "NAME=named.example.com" >> $GITHUB_ENV
      - run: aws s3 sync "out" "s3://$NAME"
"#;
    check(
        &[(".github/workflows/ci.yaml", file)],
        expect![[r#"
        .github/workflows/ci.yaml:10: `web/dist` to `example.com/`; name deploy; branches main; credentials PROD_KEY_ID+PROD_SECRET; region us-east-1
        .github/workflows/ci.yaml:18: `web/dist` to `stg.example.com/`; name deploy; branches develop staging; credentials STG_KEY_ID+STG_SECRET
        .github/workflows/ci.yaml:25: `web/out` to `rel.example.com/latest/`; name release; branches release/**; credentials usual keys
        .github/workflows/ci.yaml:29: `web/out` to `tags.example.com/`; name tags; credentials usual keys
        .github/workflows/ci.yaml:39: `web/out` to `named.example.com/`; name secret
        note: .github/workflows/ci.yaml:29: `aws s3 sync` runs only for some branches, and it is not clear for which
        note: .github/workflows/ci.yaml:37: `aws s3 sync` sends files to a place with `${{ secrets.BUCKET }}` in its name, which the file does not set
    "#]],
    );
}

#[test]
fn github_has_actions_that_send_files() {
    let file = r#"
on:
  push:
    branches:
    - main
jobs:
  one:
    steps:
    - uses: jakejarvis/s3-sync-action@master
      with:
        args: --acl public-read --follow-symlinks --delete --exclude '.git/*'
      env:
        AWS_S3_BUCKET: one.example.com
        AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}
        AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
        AWS_REGION: 'us-west-1'   # optional: defaults to us-east-1
        SOURCE_DIR: 'public'      # optional: defaults to entire repository
    - uses: chetan/invalidate-cloudfront-action@v2
      env:
        DISTRIBUTION: E1ONE
        PATHS: "/*"
  two:
    steps:
    - uses: Reggionick/s3-deploy@v4
      env:
        AWS_ACCESS_KEY_ID: ${{ secrets.TWO_ID }}
        AWS_SECRET_ACCESS_KEY: ${{ secrets.TWO_SECRET }}
      with:
        folder: build
        bucket: two.example.com
        bucket-region: us-east-1
        dist-id: E2TWO
        invalidation: /
        delete-removed: true
        private: true
  three:
    steps:
    - uses: reggionick/s3-deploy@v4
      with:
        folder: build
        bucket: ${{ secrets.S3_BUCKET }}
    - uses: someone/s3-something@v1
      with: { what: ever }
    - uses: peaceiris/actions-hugo@v3
      with: { hugo-version: 'latest' }
"#;
    check(
        &[(".github/workflows/deploy.yml", file)],
        expect![[r#"
            .github/workflows/deploy.yml:9: `public` to `one.example.com/`; name one; branches main; credentials usual keys; region us-west-1; acl public-read; keep .git/**; distribution E1ONE
            .github/workflows/deploy.yml:24: `build` to `two.example.com/`; name two; branches main; credentials TWO_ID+TWO_SECRET; region us-east-1; distribution E2TWO
            note: .github/workflows/deploy.yml:18: today's deploy invalidates the distribution `E1ONE` after it: this tool does not do that yet
            note: .github/workflows/deploy.yml:24: today's deploy invalidates the distribution `E2TWO` after it: this tool does not do that yet
            note: .github/workflows/deploy.yml:38: `aws s3 sync` sends files to a place with `${{ secrets.S3_BUCKET }}` in its name, which the file does not set (found there: branches `main`)
            note: .github/workflows/deploy.yml:42: the action `someone/s3-something` may send files to a bucket, and is not known here
        "#]],
    );
}

#[test]
fn gitlab_has_templates_rules_and_references() {
    let file = r#"
image: node:20
variables:
  BUCKET: www.example.com
  AWS_DEFAULT_REGION: eu-west-1
stages: [build, deploy]
.deploy: &deploy
  stage: deploy
  variables: { FOLDER: public }
  before_script:
    - export AWS_ACCESS_KEY_ID=$STAGING_KEY
    - export AWS_SECRET_ACCESS_KEY="$STAGING_SECRET"
  script:
    - aws s3 sync $FOLDER s3://$BUCKET --delete
production:
  extends: .deploy
  before_script: []
  environment: { name: production, url: https://www.example.com }
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
      when: never
    - if: '$CI_COMMIT_BRANCH == "main"'
staging:
  <<: *deploy
  variables:
    BUCKET: stg.example.com
    FOLDER: public
  only:
    - develop
    - /^release-.*$/
review:
  stage: deploy
  script:
    - !reference [.deploy, before_script]
    - aws s3 sync public s3://review.example.com/$CI_COMMIT_REF_SLUG
  rules:
    - if: $CI_COMMIT_BRANCH =~ /^feature\/.*/
odd:
  script: ["aws s3 sync public s3://odd.example.com"]
  only: ["/^v\\d+$/"]
default-branch:
  script: aws s3 sync public s3://default.example.com
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
"#;
    let head = (".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/trunk\n");
    check(
        &[(".gitlab-ci.yml", file), head],
        expect![[r#"
            .gitlab-ci.yml:14: `public` to `www.example.com/`; name production; branches main; credentials usual keys; region eu-west-1; url https://www.example.com
            .gitlab-ci.yml:14: `public` to `stg.example.com/`; name staging; branches develop release-* release-*/**; credentials STAGING_KEY+STAGING_SECRET; region eu-west-1
            .gitlab-ci.yml:39: `public` to `odd.example.com/`; name odd; credentials usual keys; region eu-west-1
            .gitlab-ci.yml:42: `public` to `default.example.com/`; name default-branch; branches trunk; credentials usual keys; region eu-west-1
            note: .gitlab-ci.yml:18: the job names the environment `production`: a job in a new CI file has its secrets and rules only if it names it too
            note: .gitlab-ci.yml:35: `aws s3 sync` sends files to a place with `$CI_COMMIT_REF_SLUG` in its name, which the file does not set (found there: branches `feature/**`, region `eu-west-1`)
            note: .gitlab-ci.yml:39: `aws s3 sync` runs only for some branches, and it is not clear for which
        "#]],
    );
    check(
        &[(
            ".gitlab-ci.yml",
            "a:\n  script: [aws s3 sync public s3://x]\n  rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]",
        )],
        expect![[r#"
            .gitlab-ci.yml:2: `public` to `x/`; name a; credentials usual keys
            note: .gitlab-ci.yml:2: `aws s3 sync` runs only for some branches, and it is not clear for which
        "#]],
    );
}

#[test]
fn bitbucket_has_pipes() {
    let file = r#"
image: node:20
pipelines:
  default:
    - step: { script: [npm test] }
  branches:
    "{main,master}":
      - step:
          name: Deploy
          deployment: production
          script:
            - npm run build
            - pipe: atlassian/aws-s3-deploy:1.1.0
              variables:
                AWS_ACCESS_KEY_ID: $AWS_ACCESS_KEY_ID
                AWS_SECRET_ACCESS_KEY: $AWS_SECRET_ACCESS_KEY
                AWS_DEFAULT_REGION: 'us-east-1'
                S3_BUCKET: 'my-bucket-name'
                LOCAL_PATH: 'build'
                ACL: 'public-read'
            - pipe: atlassian/aws-cloudfront-invalidate:0.6.0
              variables:
                DISTRIBUTION_ID: '123XYZ'
    develop:
      - parallel:
          - step:
              oidc: true
              script:
                - pipe: docker://atlassian/aws-s3-deploy:1
                  variables:
                    AWS_OIDC_ROLE_ARN: arn:aws:iam::222222222222:role/ci
                    S3_BUCKET: $DEV_BUCKET
                    LOCAL_PATH: build
                - aws s3 sync build s3://dev.example.com
"#;
    check(
        &[("bitbucket-pipelines.yml", file)],
        expect![[r#"
            bitbucket-pipelines.yml:13: `build` to `my-bucket-name/`; name production; branches main master; credentials usual keys; region us-east-1; acl public-read; distribution 123XYZ
            bitbucket-pipelines.yml:34: `build` to `dev.example.com/`; name develop; branches develop; credentials usual keys
            note: bitbucket-pipelines.yml:21: today's deploy invalidates the distribution `123XYZ` after it: this tool does not do that yet
        "#]],
    );
}

#[test]
fn travis_has_a_provider() {
    let file = r#"
language: node_js
env:
  global:
    - FOO=bar BAZ=qux
branches:
  only: [master, /^deploy-.*/]
deploy:
- provider: s3
  access_key_id: $KEY
  secret_access_key: $SECRET
  bucket: example.com
  skip_cleanup: true
  local_dir: _site
  region: eu-central-1
  acl: public_read
  cache_control: "max-age=300"
  on:
    branch: master
- provider: s3
  access_key_id: AKIAABCDEFGHIJKLMNOP
  secret_access_key:
    secure: "abcdef"
  bucket: stg.example.com
  local-dir: _site
  on: { branch: [staging, develop] }
- provider: script
  script: bash deploy.sh
  on: { branch: live }
"#;
    let script = "#!/bin/bash\naws s3 sync _site s3://live.example.com --delete\n";
    check(
        &[(".travis.yml", file), ("deploy.sh", script)],
        expect![[r#"
            .travis.yml:12: `_site` to `example.com/`; branches master; credentials KEY+SECRET; region eu-central-1; acl public-read
                ** gets cache-control: max-age=300
            .travis.yml:24: `_site` to `stg.example.com/`; branches staging develop
            deploy.sh:2: `_site` to `live.example.com/`; branches live; credentials usual keys
            note: a key is written in .travis.yml:21; make a new one, and delete it
            note: .travis.yml:12: `cache-control: max-age=300` is set for all files only in .travis.yml:12, and not for `stg.example.com`, `live.example.com`
        "#]],
    );
}

#[test]
fn codebuild_has_phases() {
    let file = r#"
version: 0.2
env:
  variables: { BUCKET: example.com }
  parameter-store: { DISTRIBUTION: /site/distribution }
phases:
  build:
    commands:
      - hugo
  post_build:
    commands:
      - cd public && rm -f junk
      - aws s3 sync . "s3://${BUCKET}" --delete
      - aws cloudfront create-invalidation --distribution-id ${DISTRIBUTION} --paths '/*'
"#;
    check(
        &[("buildspec.yml", file)],
        expect![[r#"
        buildspec.yml:13: `public` to `example.com/`
        note: buildspec.yml:14: `--distribution-id` contains `$DISTRIBUTION`, which the file does not set
    "#]],
    );
}

/// A job whose steps have these conditions. Each has `uses: configure` with its own keys and region, or sends files.
fn conditional(steps: &[(&str, &str)]) -> String {
    let mut text = "on: push\njobs:\n  site:\n    steps:\n".to_owned();
    for (condition, step) in steps {
        let condition = match *condition {
            "" => String::new(),
            condition => format!("if: \"{condition}\", "),
        };
        let step = match step.split_once(' ') {
            Some(("keys", name)) => format!(
                "uses: aws-actions/configure-aws-credentials@v4, with: {{aws-access-key-id: \"${{{{ secrets.{name}_ID }}}}\", aws-secret-access-key: \"${{{{ secrets.{name}_SECRET }}}}\", aws-region: {name}}}"
            ),
            Some(("role", name)) => format!(
                "uses: aws-actions/configure-aws-credentials@v4, with: {{role-to-assume: \"arn:aws:iam::1:role/{name}\", aws-region: {name}}}"
            ),
            Some(("region", name)) => format!(
                "uses: aws-actions/configure-aws-credentials@v4, with: {{aws-region: {name}}}"
            ),
            Some(("to", name)) => format!("run: aws s3 sync out s3://{name}"),
            _ => format!("run: '{step}'"),
        };
        text.push_str(&format!("      - {{{condition}{step}}}\n"));
    }
    text
}

const MAIN: &str = "github.ref == 'refs/heads/main'";
const NOT_MAIN: &str = "github.ref_name != 'main'";
const MAIN_PUSH: &str = "github.ref == 'refs/heads/main' && github.event.head_commit";
const STAGING_OR_TEST: &str = "github.ref_name == 'staging' || github.ref_name == 'test'";
const NO_TAG: &str = "!(github.ref == 'refs/heads/main' && inputs.tag)";
const ANY_RELEASE: &str = "startsWith(github.ref, 'refs/heads/release/')";
const P_PROFILE: &str =
    "aws configure set aws_access_key_id $P; aws configure set aws_secret_access_key $PS";
const S_PROFILE: &str =
    "aws configure set aws_access_key_id $S; aws configure set aws_secret_access_key $SS";
const STAGING: &str = "${{ github.ref_name == 'staging' }}";
const PROD_INPUT: &str = "inputs.to == 'prod'";
const TEST_INPUT: &str = "inputs.to == 'test'";

/// Conditions and steps of a job each.
const CONDITIONAL: &[&[(&str, &str)]] = &[
    &[(MAIN, "keys p"), (STAGING, "keys s"), (MAIN, "to p"), (STAGING, "to s")],
    &[(MAIN, "role p"), (STAGING, "keys s"), (MAIN, "to p"), (STAGING, "to s")],
    &[(MAIN, "keys p"), (NOT_MAIN, "keys s"), (MAIN, "to p"), (NOT_MAIN, "to s")],
    &[(MAIN, "keys p"), (NOT_MAIN, "keys s"), (STAGING, "to s")],
    &[(PROD_INPUT, "keys p"), (TEST_INPUT, "keys t"), (PROD_INPUT, "to p"), (TEST_INPUT, "to t")],
    &[(MAIN, "keys p"), (STAGING, "keys s"), ("", "to a")],
    &[(MAIN, "role p"), (STAGING, "role s"), ("", "to a")],
    &[(MAIN, "keys p"), (STAGING, "to s"), ("", "to a")],
    &[("", "keys a"), (STAGING, "keys s"), (MAIN, "to p"), (STAGING, "to s"), ("", "to a")],
    &[(MAIN, "keys p"), (STAGING, "keys s"), ("", "keys a"), (MAIN, "to p")],
    &[(MAIN, "keys p"), (STAGING, "keys s"), ("", "region a"), (MAIN, "to p")],
    &[
        (MAIN, "keys p"),
        (STAGING, "keys s"),
        ("", "if [ $GITHUB_REF_NAME = main ]; then aws s3 sync out s3://p; fi"),
        ("", "if [ $GITHUB_REF_NAME = staging ]; then aws s3 sync out s3://s; fi"),
        ("", "if [ $GITHUB_REF_NAME = other ]; then aws s3 sync out s3://o; fi"),
    ],
    &[(MAIN_PUSH, "keys p"), (STAGING_OR_TEST, "keys s"), (MAIN, "to p"), (STAGING, "to s")],
    &[(NO_TAG, "keys p"), (STAGING, "keys s"), (MAIN, "to p")],
    &[(ANY_RELEASE, "keys r"), (MAIN, "keys p"), (MAIN, "to p"), (ANY_RELEASE, "to r")],
    &[(MAIN, "keys p"), ("", "if [ $GITHUB_REF_NAME = staging ]; then aws s3 sync out s3://s; fi")],
    &[(MAIN, P_PROFILE), (STAGING, S_PROFILE), (MAIN, "to p"), (STAGING, "to s"), ("", "to a")],
    &[
        (MAIN, "echo \"TO=p\" >> $GITHUB_ENV"),
        (STAGING, "echo \"TO=s\" >> $GITHUB_ENV"),
        (MAIN, "to $TO"),
        (STAGING, "to $TO"),
        ("", "to $TO"),
    ],
];

#[test]
fn keys_of_a_step_with_a_condition_are_for_its_branches() {
    let drawn: Vec<String> = CONDITIONAL
        .iter()
        .map(|case| drawn(&repository(&[(".github/workflows/a.yml", &conditional(case))])))
        .map(|text| text.replace(".github/workflows/a.yml:", ""))
        .collect();
    expect![[r#"
        7: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region p
        8: `out` to `s/`; name site; branches staging; credentials s_ID+s_SECRET; region s
        --
        7: `out` to `p/`; name site; branches main; credentials role arn:aws:iam::1:role/p; region p
        8: `out` to `s/`; name site; branches staging; credentials s_ID+s_SECRET; region s
        --
        7: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region p
        8: `out` to `s/`; name site; credentials s_ID+s_SECRET; region s
        note: 8: `aws s3 sync` runs only for some branches, and it is not clear for which
        --
        7: `out` to `s/`; name site; branches staging; credentials s_ID+s_SECRET; region s
        --
        7: `out` to `p/`; name site; credentials p_ID+p_SECRET; region p
        8: `out` to `t/`; name site; credentials t_ID+t_SECRET; region t
        --
        7: `out` to `a/`; name site
        note: 7: `aws s3 sync` needs keys or a region that steps set under conditions (`5`, `6`), and it is not clear which of them hold here
        --
        7: `out` to `a/`; name site
        note: 7: `aws s3 sync` needs keys or a region that steps set under conditions (`5`, `6`), and it is not clear which of them hold here
        --
        6: `out` to `s/`; name site; branches staging
        7: `out` to `a/`; name site; credentials p_ID+p_SECRET; region p
        note: 6: `aws s3 sync` needs keys or a region that steps set under conditions (`5`), and it is not clear which of them hold here
        --
        7: `out` to `p/`; name site; branches main; credentials a_ID+a_SECRET; region a
        8: `out` to `s/`; name site; branches staging; credentials s_ID+s_SECRET; region s
        9: `out` to `a/`; name site
        note: 9: `aws s3 sync` needs keys or a region that steps set under conditions (`6`), and it is not clear which of them hold here
        --
        8: `out` to `p/`; name site; branches main; credentials a_ID+a_SECRET; region a
        --
        8: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region a
        --
        7: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region p
        8: `out` to `s/`; name site; branches staging; credentials s_ID+s_SECRET; region s
        9: `out` to `o/`; name site; branches other
        note: 9: `aws s3 sync` needs keys or a region that steps set under conditions (`5`, `6`), and it is not clear which of them hold here
        --
        7: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region p
        8: `out` to `s/`; name site; branches staging; credentials s_ID+s_SECRET; region s
        --
        7: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region p
        --
        7: `out` to `p/`; name site; branches main; credentials p_ID+p_SECRET; region p
        8: `out` to `r/`; name site; branches release/**; credentials r_ID+r_SECRET; region r
        --
        6: `out` to `s/`; name site; branches staging
        note: 6: `aws s3 sync` needs keys or a region that steps set under conditions (`5`), and it is not clear which of them hold here
        --
        7: `out` to `p/`; name site; branches main; credentials P+PS
        8: `out` to `s/`; name site; branches staging; credentials S+SS
        9: `out` to `a/`; name site
        note: 9: `aws s3 sync` needs keys or a region that steps set under conditions (`5`, `6`), and it is not clear which of them hold here
        --
        7: `out` to `p/`; name site; branches main; credentials usual keys
        8: `out` to `s/`; name site; branches staging; credentials usual keys
        note: 9: `aws s3 sync` sends files to a place with `$TO` in its name, which the file does not set
    "#]].assert_eq(&drawn.join("--\n"));
}

#[test]
fn a_bucket_that_is_not_known_keeps_what_else_was_found() {
    let cases = [
        (
            ".github/workflows/a.yml",
            "on: {push: {branches: [main]}}\njobs:\n  site:\n    steps:\n      - {uses: aws-actions/configure-aws-credentials@v4, with: {role-to-assume: 'arn:aws:iam::111111111111:role/r', aws-region: eu-west-1}}\n      - run: aws s3 sync out s3://${{ vars.BUCKET }}/docs --acl private\n",
        ),
        (
            ".gitlab-ci.yml",
            "site:\n  environment: {name: live, url: https://example.com}\n  script: [aws s3 sync --region us-east-1 --profile p public s3://a-$BUCKET]\n  only: [main, /^v.*$/]\n",
        ),
        (".gitlab-ci.yml", "site:\n  script: [aws s3 sync public s3://known/$X]\n  only: [main]\n"),
        (
            "deploy.sh",
            "aws s3 sync public $1\ns3deploy -bucket $B -source public -region us-west-1\n",
        ),
    ];
    let drawn: Vec<String> = cases
        .iter()
        .map(|file| {
            let reading = repository(&[*file]);
            let open = Reading { places: reading.open.clone(), ..Reading::default() };
            format!("{}open:\n{}", drawn(&reading), drawn(&open))
        })
        .collect();
    expect![[r#"
        note: .github/workflows/a.yml:6: `aws s3 sync` sends files to a place with `${{ vars.BUCKET }}` in its name, which the file does not set (found there: branches `main`, region `eu-west-1`, account `111111111111`)
        open:
        .github/workflows/a.yml:6: `out` to `/docs/`; name site; branches main; credentials role arn:aws:iam::111111111111:role/r; region eu-west-1; account 111111111111
        --
        note: .gitlab-ci.yml:3: `aws s3 sync` sends files to a place with `$BUCKET` in its name, which the file does not set (found there: branches `main`, `v*`, `v*/**`, region `us-east-1`)
        note: .gitlab-ci.yml:2: the job names the environment `live`: a job in a new CI file has its secrets and rules only if it names it too
        open:
        .gitlab-ci.yml:3: `public` to `/`; name live; branches main v* v*/**; credentials profile p; region us-east-1; url https://example.com
        --
        note: .gitlab-ci.yml:2: `aws s3 sync` sends files to a place with `$X` in its name, which the file does not set (found there: branches `main`)
        open:
        --
        note: deploy.sh:1: `aws s3 sync` sends files to a place with `$1` in its name, which the file does not set
        note: deploy.sh:2: `s3deploy` sends files to a place with `$B` in its name, which the file does not set (found there: region `us-west-1`)
        open:
        deploy.sh:1: `public` to `/`
        deploy.sh:2: `public` to `/`; region us-west-1
    "#]].assert_eq(&drawn.join("--\n"));
}

#[test]
fn what_a_new_ci_file_loses_is_noted() {
    let github = "on: push\njobs:\n  build:\n    environment: tests\n    steps: [run: make]\n  site:\n    environment: live\n    needs: [build, test]\n    steps:\n      - run: aws s3 sync out s3://b\n      - run: aws cloudfront create-invalidation --distribution-id E1X --paths '/*'\n";
    let gitlab = "site:\n  environment: {name: live}\n  needs: [{job: build}]\n  script: [aws s3 sync public s3://b]\nlint:\n  environment: x\n  script: [make]\n";
    let circleci = "version: 2.1\njobs:\n  build: {steps: [run: make]}\n  site:\n    steps: [run: aws s3 sync public s3://b]\nworkflows:\n  all:\n    jobs:\n      - build: {context: none}\n      - site:\n          context:\n            - aws-live\n            - slack\n          requires: [build]\n";
    let script = "s3deploy -bucket b -source public -distribution-id E2X\n";
    let cases = [
        (".github/workflows/a.yml", github),
        (".gitlab-ci.yml", gitlab),
        (".circleci/config.yml", circleci),
        ("deploy.sh", script),
    ];
    let drawn: Vec<String> = cases.iter().map(|file| drawn(&repository(&[*file]))).collect();
    expect![[r#"
        .github/workflows/a.yml:10: `out` to `b/`; name live; credentials usual keys; distribution E1X
        note: .github/workflows/a.yml:11: today's deploy invalidates the distribution `E1X` after it: this tool does not do that yet
        note: .github/workflows/a.yml:7: the job names the environment `live`: a job in a new CI file has its secrets and rules only if it names it too
        note: .github/workflows/a.yml:8: the job waits for `build`, `test`: a job in a new CI file does not
        --
        .gitlab-ci.yml:4: `public` to `b/`; name live; credentials usual keys
        note: .gitlab-ci.yml:2: the job names the environment `live`: a job in a new CI file has its secrets and rules only if it names it too
        note: .gitlab-ci.yml:3: the job waits for `build`: a job in a new CI file does not
        --
        .circleci/config.yml:5: `public` to `b/`; name site; credentials usual keys
        note: .circleci/config.yml:12: the job has variables of `context:` `aws-live`, `slack`: a job in a new CI file has them only if it names it too
        note: .circleci/config.yml:14: the job waits for `build`: a job in a new CI file does not
        --
        deploy.sh:1: `public` to `b/`; distribution E2X
        note: deploy.sh:1: today's deploy invalidates the distribution `E2X` after it: this tool does not do that yet
    "#]].assert_eq(&drawn.join("--\n"));
}

#[test]
fn a_rule_for_all_files_of_one_place_is_noted() {
    let sync = "aws s3 sync out s3://";
    let cases = [
        format!("{sync}a --cache-control no-cache\n{sync}b\n"),
        format!("{sync}a --cache-control no-cache\n{sync}b --cache-control no-cache\n"),
        format!("{sync}a --cache-control no-cache\n{sync}b --cache-control immutable\n{sync}c\n"),
        format!(
            "{sync}a --cache-control no-cache\n{sync}b/c --cache-control no-cache\n{sync}b/d\n"
        ),
        format!("{sync}a --cache-control no-cache\n"),
        format!(
            "{sync}a --exclude '*' --include '*.js' --cache-control no-cache\n{sync}a\n{sync}b\n"
        ),
    ];
    let drawn: Vec<String> =
        cases.iter().map(|text| drawn(&repository(&[("deploy.sh", text)]))).collect();
    expect![[r#"
        deploy.sh:1: `out` to `a/`
            ** gets cache-control: no-cache
        deploy.sh:2: `out` to `b/`
        note: deploy.sh:1: `cache-control: no-cache` is set for all files only in deploy.sh:1, and not for `b`
        --
        deploy.sh:1: `out` to `a/`
            ** gets cache-control: no-cache
        deploy.sh:2: `out` to `b/`
            ** gets cache-control: no-cache
        --
        deploy.sh:1: `out` to `a/`
            ** gets cache-control: no-cache
        deploy.sh:2: `out` to `b/`
            ** gets cache-control: immutable
        deploy.sh:3: `out` to `c/`
        note: deploy.sh:1: `cache-control: no-cache` is set for all files only in deploy.sh:1, and not for `b`, `c`
        note: deploy.sh:2: `cache-control: immutable` is set for all files only in deploy.sh:2, and not for `a`, `c`
        --
        deploy.sh:1: `out` to `a/`
            ** gets cache-control: no-cache
        deploy.sh:2: `out` to `b/c/`
            ** gets cache-control: no-cache
        deploy.sh:3: `out` to `b/d/`
        note: deploy.sh:1: `cache-control: no-cache` is set for all files only in deploy.sh:1 and deploy.sh:2, and not for `b/d`
        --
        deploy.sh:1: `out` to `a/`
            ** gets cache-control: no-cache
        --
        deploy.sh:1: `out` to `a/`
            **/*.js gets cache-control: no-cache
        deploy.sh:3: `out` to `b/`
    "#]].assert_eq(&drawn.join("--\n"));
}
