//! Files that are broken, too large, or made to do harm.

use super::*;

#[test]
fn keys_in_files_are_noted_and_never_repeated() {
    let id = "AKIAABCDEFGHIJKLMNOP";
    let secret = "abcdefghij0123456789ABCDEFGHIJ0123456789";
    let text = format!(
        "export AWS_ACCESS_KEY_ID={id}\nexport AWS_SECRET_ACCESS_KEY={secret}\naws s3 sync d s3://b\naws s3 sync d s3://c --profile {id}\ns3deploy -bucket x -key {id} -secret {secret} -source d\naws s3 sync $UNSET/{id} s3://$X-{id}\n"
    );
    let reading = repository(&[("deploy.sh", &text)]);
    let all = format!("{reading:?}");
    assert!(!all.contains(id) && !all.contains(secret), "{all}");
    expect![[r#"
        deploy.sh:3: `d` to `b/`
        deploy.sh:5: `d` to `x/`
        note: a key is written in deploy.sh:1; make a new one, and delete it
        note: a key is written in deploy.sh:2; make a new one, and delete it
        note: a key is written in deploy.sh:4; make a new one, and delete it
        note: a key is written in deploy.sh:5; make a new one, and delete it
        note: a key is written in deploy.sh:6; make a new one, and delete it
        note: deploy.sh:6: `aws s3 sync` sends files to a place with `$X` in its name, which the file does not set
        note: deploy.sh:4: a key stands where a name is expected
    "#]].assert_eq(&drawn(&reading));
}

#[test]
fn what_cannot_be_read_is_a_note() {
    let large = "# x\n".repeat(300_000);
    check(
        &[
            ("circle.yml", "deployment: [\n  a: {"),
            (".gitlab-ci.yml", "\tx"),
            (".circleci/config.yml", &large),
            ("hugo.toml", "[deployment\n"),
            ("package.json", "{\n,}"),
        ],
        expect![[r#"
            note: circle.yml:3: the file could not be read: while parsing a node, did not find expected node content
            note: .circleci/config.yml: the file is larger than 1 MiB
            note: package.json:2: the file could not be read: it is not JSON
            note: hugo.toml:1: the file could not be read: unclosed table, expected `]`
        "#]],
    );
    check(
        &[
            (".travis.yml", ""),
            ("circle.yml", "- a\n- b"),
            ("Makefile", ""),
            ("package.json", "[]"),
        ],
        expect![[""]],
    );
}

/// Nested deeply, aliases that double, and values that double.
#[test]
fn no_file_takes_all_memory_or_the_stack() {
    let nested = "[".repeat(100_000);
    let blocks = "- ".repeat(100_000);
    let flow = "{a: ".repeat(5000);
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for at in 1..40 {
        let aliases = vec![format!("*a{}", at - 1); 9].join(", ");
        bomb.push_str(&format!("a{at}: &a{at} [{aliases}]\n"));
    }
    let mut merges = String::from("a0: &a0 {x: 1}\n");
    for at in 1..200 {
        merges.push_str(&format!("a{at}: &a{at} {{<<: *a{}, k{at}: *a{}}}\n", at - 1, at - 1));
    }
    for text in [&nested, &blocks, &flow, &bomb, &merges] {
        for file in
            ["circle.yml", ".gitlab-ci.yml", ".github/workflows/a.yml", ".circleci/config.yml"]
        {
            repository(&[(file, text)]);
        }
    }
    let json = format!("{{\"scripts\": {}", "{\"a\":".repeat(100_000));
    repository(&[("package.json", &json), ("hugo.toml", &format!("a = {nested}"))]);
    let mut doubled = String::from("A=aaaaaaaaaaaaaaaa\nB = b\n");
    for _ in 0..100 {
        doubled.push_str("A=$A$A\n");
    }
    doubled.push_str("aws s3 sync d s3://$A\n");
    let made = "A = $(A)$(A)\nB = $(A)$(B)$(B)\nC = $(B)$(B)\nx: y\n\taws s3 sync $(C) s3://$(C)\ny: x\n\tmake x y\n";
    let folders = "(cd a\n".repeat(20_000);
    let places: String =
        (0..5000).map(|at| format!("aws s3 sync d s3://b{at} --profile $X\n")).collect();
    for text in [&folders, &places] {
        let reading = repository(&[("deploy.sh", text)]);
        assert!(reading.places.len() <= script::MOST && reading.notes.len() <= script::MOST);
    }
    let looped = "bash deploy.sh\nmake x\n./deploy.sh\nsh ./deploy.sh\n";
    repository(&[("deploy.sh", &doubled), ("Makefile", made)]);
    repository(&[("deploy.sh", looped), ("Makefile", made)]);
    let extended: String = (0..20)
        .map(|at| format!(".t{at}: {{extends: [.t{}, .t{}, .t{}]}}\n", at + 1, at + 1, at))
        .collect();
    repository(&[(".gitlab-ci.yml", &format!("{extended}j: {{extends: .t0, script: [x]}}\n"))]);
}

/// Each beginning of a file, and each file with a byte less.
#[test]
fn no_broken_file_panics() {
    let samples = [
        (
            "deploy.sh",
            "if [ \"$X\" = 'a' ]; then echo \"[p]\nx=${Y:-z}\" >> ~/.aws/credentials; fi\ncase $1 in a) b ;; *) c | d && e ;; esac\ncat <<-'EOF' > $(f `g`)\n\thi\nEOF\naws s3 sync ä s3://b/<< parameters.x >> ${{ secrets.A }} --exclude \"*\" --include=\\*.é",
        ),
        (
            "Makefile",
            "A ?= $(B)\nB := ${A}$$x\nexport C = $(shell a b)\ndeploy stage: A = b\ndeploy: stage ; @echo $@\n\taws s3 sync $(A) s3://é$(\n",
        ),
        (
            ".gitlab-ci.yml",
            ".a: &a {script: [!reference [.a, script], \"aws s3 sync ü s3://$X\"], rules: [{if: '$CI_COMMIT_BRANCH =~ /^é(a|b)\\/.*/ && $B'}]}\nb: {<<: *a, only: [/x$/]}\n",
        ),
        (
            ".github/workflows/a.yml",
            "on: {push: {branches: ['a**', '!b']}}\njobs: {a: {if: \"startsWith(github.ref, 'refs/heads/é') || x\", steps: [{uses: a/s3@v1, with: {bucket: ${{ env.x }}, folder: .}}]}}\n",
        ),
        (
            "hugo.toml",
            "[[deployment.targets]]\nURL = \"s3://b?region=%C3%A4&prefix=%\"\nexclude = \"{a,b}\"\n[[deployment.matchers]]\npattern = '^(é|[a-z]+)\\d$'\ncacheControl='x'\n",
        ),
    ];
    for (file, text) in samples {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (at, _) in text.char_indices() {
            write_and_read(folder.path(), &[(file, &text[..at])]);
            let mut shorter = text.to_owned();
            shorter.remove(at);
            write_and_read(folder.path(), &[(file, &shorter)]);
        }
    }
}
