//! What people run, and what CI calls.

use super::*;

#[test]
fn a_makefile_has_targets() {
    let file = "DOMAIN=example.com
PROFILE ?= personal
BUCKET_PRIMARY=\"s3://$(DOMAIN)/\"
export AWS_REGION = ap-southeast-2

.PHONY: all deploy
all: build upload

upload:
\t@echo \"Uploading website to bucket: $(BUCKET_PRIMARY)\"
\t@aws s3 sync _site/ $(BUCKET_PRIMARY) --profile $(PROFILE)

staging: BUCKET = stg.example.com
production: BUCKET = www.example.com
staging production: send

send: build
\taws s3 sync public/ s3://$(BUCKET) --acl public-read \\
\t\t--delete
\taws cloudfront create-invalidation --distribution-id E36C8I0B79K7Z7 --paths '/*'

unset:
\t-aws s3 sync public s3://$(OTHER)/
loop:
\tfor b in a b; do aws s3 sync public s3://$$b; done
clean:
\trm -rf public # aws s3 sync public s3://no
ifeq ($(CI),true)
WHERE = ci
else
WHERE = here
endif
where:
\taws s3 sync public s3://$(WHERE)
";
    check(
        &[("Makefile", file)],
        expect![[r#"
            Makefile:18: `public` to `stg.example.com/`; name staging; region ap-southeast-2; acl public-read; distribution E36C8I0B79K7Z7
            Makefile:18: `public` to `www.example.com/`; name production; region ap-southeast-2; acl public-read; distribution E36C8I0B79K7Z7
            Makefile:11: `_site` to `example.com/`; name upload; credentials profile personal; region ap-southeast-2
            note: Makefile:20: today's deploy invalidates the distribution `E36C8I0B79K7Z7` after it: this tool does not do that yet
            note: Makefile:23: `aws s3 sync` sends files to a place with `${OTHER}` in its name, which the file does not set (found there: region `ap-southeast-2`)
            note: Makefile:25: `aws s3 sync` sends files to a place with `$b` in its name, which the file does not set (found there: region `ap-southeast-2`)
            note: Makefile:34: `aws s3 sync` sends files to a place with `${WHERE}` in its name, which the file does not set (found there: region `ap-southeast-2`)
        "#]],
    );
}

#[test]
fn other_tools_and_spellings_are_known() {
    let file = "SOURCE_DIR=public/
BUCKET=www.example.net
deploy: build
\t@s3deploy -bucket=$(BUCKET) -region=us-east-1 -source=$(SOURCE_DIR) -max-delete 500 -v
pager:
\tAWS_PAGER=\"\" aws s3 sync _site/. s3://pager.example.com
\tAWS_PAGER=\"\" aws cloudfront create-invalidation --distribution E3TRIT7GNH2EU --paths '/*'
cmd:
\ts3cmd sync public/* -P --verbose --add-header=cache-control:max-age=16070400,public s3://cmd.example.com
grants:
\t~/bin/aws s3 sync ./out s3://grants.example.com --grants read=uri=http://acs.amazonaws.com/groups/global/AllUsers
home:
\taws s3 sync ~/site s3://home.example.com
up:
\tcd web && aws s3 sync ../public s3://up.example.com/docs//
";
    check(
        &[("Makefile", file)],
        expect![[r#"
            Makefile:4: `public` to `www.example.net/`; name deploy; region us-east-1
            Makefile:6: `_site` to `pager.example.com/`; name pager; distribution E3TRIT7GNH2EU
            Makefile:9: `public` to `cmd.example.com/`; name cmd; acl public-read
                ** gets cache-control: max-age=16070400,public
            Makefile:11: `out` to `grants.example.com/`; name grants; acl public-read
            Makefile:13: ? to `home.example.com/`; name home
            Makefile:15: `public` to `up.example.com/docs/`; name up
            note: Makefile:7: today's deploy invalidates the distribution `E3TRIT7GNH2EU` after it: this tool does not do that yet
            note: Makefile:9: `cache-control: max-age=16070400,public` is set for all files only in Makefile:9, and not for `www.example.net`, `pager.example.com`, `grants.example.com`, `home.example.com`, `up.example.com/docs`
        "#]],
    );
}

#[test]
fn scripts_of_npm_are_named() {
    let file = r#"{
	"name": "site",
	"scripts": {
		"build": "eleventy",
		"deploy": "npm run build && aws s3 sync _site s3://example.com --delete --profile \"work\"",
		"deploy:dev": "aws s3 sync ./_site/ s3://dev.example.com/docs/ --exclude 'uploads/*' --exclude=*.map"
	}
}
"#;
    check(
        &[("package.json", file)],
        expect![[r#"
        package.json:5: `_site` to `example.com/`; name deploy; credentials profile work
        package.json:6: `_site` to `dev.example.com/docs/`; name deploy:dev; keep uploads/** **/*.map
    "#]],
    );
}

#[test]
fn what_ci_calls_has_its_branches_and_keys() {
    let ci = r#"
on: { push: { branches: [main] } }
env:
  AWS_ACCESS_KEY_ID: ${{ secrets.SITE_KEY }}
  AWS_SECRET_ACCESS_KEY: ${{ secrets.SITE_SECRET }}
jobs:
  site:
    steps:
      - run: make deploy BUCKET=made.example.com
      - run: npm run deploy
      - run: ./scripts/deploy.sh production
        env: { BUCKET: script.example.com }
      - run: |
          if [ "$GITHUB_REF_NAME" = live ]; then BUCKET=live.example.com bash scripts/deploy.sh; fi
"#;
    let makefile = "deploy:\n\taws s3 sync public s3://$(BUCKET)\n";
    let npm = r#"{"scripts": {"deploy": "make deploy BUCKET=npm.example.com"}}"#;
    let script = "#!/bin/sh\nset -eu\naws s3 sync public s3://$BUCKET/\n";
    check(
        &[
            (".github/workflows/a.yml", ci),
            ("Makefile", makefile),
            ("package.json", npm),
            ("scripts/deploy.sh", script),
        ],
        expect![[r#"
            Makefile:2: `public` to `made.example.com/`; name site; branches main; credentials SITE_KEY+SITE_SECRET
            Makefile:2: `public` to `npm.example.com/`; name site; branches main; credentials SITE_KEY+SITE_SECRET
            scripts/deploy.sh:3: `public` to `script.example.com/`; name site; branches main; credentials SITE_KEY+SITE_SECRET
            scripts/deploy.sh:3: `public` to `live.example.com/`; name site; branches live; credentials SITE_KEY+SITE_SECRET
        "#]],
    );
}

const HUGO_TOML: &str = r#"
baseURL = "https://example.com/"
[deployment]
order = [".jpg$", ".gif$"]

[[deployment.targets]]
name = "production"
URL = "s3://example.com?region=eu-west-1"
cloudFrontDistributionID = "E1EXAMPLE"
exclude = "**.{heic,psd}"

[[deployment.targets]]
name = "staging"
URL = "s3://stg.example.com?region=us-west-2&prefix=docs/&profile=stg"

[[deployment.targets]]
name = "google"
URL = "gs://bucket"

[[deployment.matchers]]
pattern = "^.+\\.(js|css|svg|ttf)$"
cacheControl = "max-age=31536000, no-transform, public"
gzip = true

[[deployment.matchers]]
pattern = "^.+\\.(html|xml|json)$"
cacheControl = "max-age=60"
"#;

#[test]
fn hugo_has_targets_and_matchers() {
    let ci = r#"
on: { push: { branches: [main] } }
jobs:
  production:
    steps:
      - run: hugo && hugo deploy --maxDeletes -1 --invalidateCDN
  other:
    steps:
      - run: hugo deploy --target=other
"#;
    check(
        &[("hugo.toml", HUGO_TOML), (".github/workflows/a.yml", ci)],
        expect![[r#"
            .github/workflows/a.yml:6: `public` to `example.com/`; name production; branches main; credentials usual keys; region eu-west-1; keep **/*.{heic,psd}; distribution E1EXAMPLE
                **/*.html gets cache-control: max-age=60
                **/*.xml gets cache-control: max-age=60
                **/*.json gets cache-control: max-age=60
                **/*.js gets cache-control: max-age=31536000, no-transform, public
                **/*.css gets cache-control: max-age=31536000, no-transform, public
                **/*.svg gets cache-control: max-age=31536000, no-transform, public
                **/*.ttf gets cache-control: max-age=31536000, no-transform, public
            hugo.toml:6: `public` to `example.com/`; name production; region eu-west-1; keep **/*.{heic,psd}; distribution E1EXAMPLE
                **/*.html gets cache-control: max-age=60
                **/*.xml gets cache-control: max-age=60
                **/*.json gets cache-control: max-age=60
                **/*.js gets cache-control: max-age=31536000, no-transform, public
                **/*.css gets cache-control: max-age=31536000, no-transform, public
                **/*.svg gets cache-control: max-age=31536000, no-transform, public
                **/*.ttf gets cache-control: max-age=31536000, no-transform, public
            hugo.toml:12: `public` to `stg.example.com/docs/`; name staging; credentials profile stg; region us-west-2
                **/*.html gets cache-control: max-age=60
                **/*.xml gets cache-control: max-age=60
                **/*.json gets cache-control: max-age=60
                **/*.js gets cache-control: max-age=31536000, no-transform, public
                **/*.css gets cache-control: max-age=31536000, no-transform, public
                **/*.svg gets cache-control: max-age=31536000, no-transform, public
                **/*.ttf gets cache-control: max-age=31536000, no-transform, public
            note: .github/workflows/a.yml:6: today's deploy invalidates the distribution `E1EXAMPLE` after it: this tool does not do that yet
            note: .github/workflows/a.yml:9: `hugo deploy` needs the target `other`, which is not in Hugo's configuration
            note: hugo.toml:20: `gzip` compresses the files of `^.+\.(js|css|svg|ttf)$`, which this tool does not
            note: hugo.toml:16: a target is in `gs`, not in S3
        "#]],
    );
    let yaml =
        "targets:\n- name: aws\n  URL: s3://example.org?endpoint=https%3A%2F%2Fs3.example.net\n";
    check(
        &[("config/_default/deployment.yaml", yaml)],
        expect![[r#"
        config/_default/deployment.yaml:2: `public` to `example.org/`; name aws; endpoint https://s3.example.net
    "#]],
    );
}
