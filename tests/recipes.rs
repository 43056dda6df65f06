//! The CI files of the handbook are what `init` writes for the sample site, and their steps work: a first job compiles
//! the tool, and a second one runs it without Rust.

use std::path::{Path, PathBuf};

use xtask_site_engine::repository::config::{Branches, Config};
use xtask_site_init::ci::{Facts, Vendor};
use xtask_site_init::part::{Part, whole};

use crate::harness::World;

mod job;

const RECIPES: [(Vendor, &str); 4] = [
    (Vendor::GitHub, "github-actions.yml"),
    (Vendor::CircleCi, "circleci.yml"),
    (Vendor::GitLab, "gitlab-ci.yml"),
    (Vendor::Script, "ci-deploy.sh"),
];

/// With a role in place of keys; its other steps are written by hand.
const WITHOUT_KEYS: &str = "github-actions-oidc.yml";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sample site, but with Hugo: a generator that most sites do not have on every machine.
fn facts() -> Facts {
    let site = top().join("site");
    let config = Config::read(&site, Path::new("site")).expect("the sample's deploy.toml");
    let names = |branches: &Branches| match branches {
        Branches::Exactly(name) => name.clone(),
        Branches::Matching(glob) => glob.glob().glob().to_owned(),
    };
    let environments = &config.environments;
    let secrets = environments.iter().flat_map(|e| e.variables()).map(str::to_owned);
    Facts {
        branches: environments.iter().flat_map(|e| &e.branches).map(names).collect(),
        secrets: secrets.collect(),
        install: [
            "url=https://github.com/gohugoio/hugo/releases/download/v0.147.0/hugo_extended_0.147.0_linux-amd64.tar.gz",
            "curl --fail --location --silent --show-error \"$url\" | sudo tar --extract --gzip --directory /usr/local/bin hugo",
        ]
        .map(str::to_owned)
        .into(),
        needs_history: false,
        sites: Vec::new(),
        rust: "1.95".into(),
    }
}

/// `UPDATE_EXPECT=1` writes the recipes.
#[test]
fn the_recipes_are_what_init_writes() {
    let mut files: Vec<(&str, String)> =
        RECIPES.map(|(vendor, name)| (name, whole(&vendor.render(&facts())))).into();
    let by_hand = std::fs::read_to_string(top().join("site/recipes").join(WITHOUT_KEYS))
        .expect("it is there");
    let without = Facts { secrets: Vec::new(), ..facts() };
    files.push((WITHOUT_KEYS, with_own_parts(by_hand, &Vendor::GitHub.render(&without))));
    for (name, text) in files {
        let path = top().join("site/recipes").join(name);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &text).expect("the recipe is written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, text, "{name}: UPDATE_EXPECT=1 writes it");
    }
}

/// A file with the current text of the parts that `init` would replace in it.
fn with_own_parts(mut file: String, parts: &[Part]) -> String {
    for part in parts {
        let Part::Own { name, .. } = part else { continue };
        let place = |text: &str| {
            let start = text.find(&format!("# begin cargo xtask init: {name}\n"))?;
            let end = text.find(&format!("# end cargo xtask init: {name}\n"))?;
            Some(start..end)
        };
        let new = whole(std::slice::from_ref(part));
        let (of_file, of_part) = (place(&file).expect(name), place(&new).expect(name));
        file.replace_range(of_file, &new[of_part]);
    }
    file
}

/// The deploy of a small site by the steps of each file. The first compile takes minutes, all others seconds.
#[test]
#[ignore = "compiles the tool as CI does: run with --ignored"]
fn a_first_job_compiles_the_tool_and_a_second_one_runs_it_without_rust() {
    let world = World::new();
    let clone = job::Clone::new(&world);
    for (vendor, name) in RECIPES {
        let facts = Facts {
            branches: vec!["main".into()],
            secrets: [crate::harness::KEY_VARIABLE, crate::harness::SECRET_VARIABLE]
                .map(str::to_owned)
                .into(),
            install: vec!["echo installed > target/generator".into()],
            ..facts()
        };
        let parts = vendor.render(&facts);
        let machine = job::Machine::new(&clone, vendor, whole(&parts));
        let first = machine.run().exits(0);
        assert!(
            first.stdout.contains("\ndone in ") || first.stdout.contains("\nnothing to do"),
            "{first:?}"
        );
        assert_eq!(machine.compiled(), 1, "{name}");
        let again = machine.run().exits(0);
        assert!(again.stdout.contains("\nnothing to do: 1 object unchanged"), "{again:?}");
        assert_eq!(machine.compiled(), 1, "{name}: {again:?}");
        machine.tell(name);

        // Sources that the key of no cache covers but by the hash.
        clone.change_sources(name);
        machine.run().exits(0);
        assert_eq!(machine.compiled(), 2, "{name}");

        machine.pass_off_the_old_tool();
        let ran = machine.run().exits(3);
        assert!(
            ran.stderr.contains("refused: this copy of the tool was not compiled from"),
            "{ran:?}"
        );
    }
}
