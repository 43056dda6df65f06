//! What is known about the repository: its sites, where they go, and its CI.

use std::path::{Path, PathBuf};

use engine::base::{Error, Result};
use engine::repository::checkout::{self, Checkout, Head};
use engine::repository::config::{Branches, Config, Credentials, Environment, FILE, SessionToken};
use init::ci::Vendor;
use init::deploy_toml;
use init::deployed::{self, Place};
use init::environments::{self, Draft, Shared};
use init::files::Site;
use init::generator::{self, Generator};

use crate::cli::InitEnvironment;

pub struct Findings {
    pub root: PathBuf,
    pub sites: Vec<SiteFindings>,
    /// The files that deploy the site today, each once.
    pub deploying: Vec<PathBuf>,
    /// What could not be read, a sentence each.
    pub notes: Vec<String>,
    /// The lines that build the site with Hugo today, if they have options that `deploy.toml` does not.
    pub old_builds: Vec<String>,
    /// The vendor whose file is in the repository.
    pub vendor: Option<Vendor>,
}

pub struct SiteFindings {
    pub generator: Generator,
    /// The `deploy.toml` that it already has.
    pub config: Option<Config>,
    pub drafts: Vec<Draft>,
    pub shared: Shared,
}

impl SiteFindings {
    pub fn wanted(&self) -> Site<'_> {
        Site { generator: &self.generator, drafts: &self.drafts, shared: &self.shared }
    }

    /// The name of the folder for `--site`; `None` at the top of the repository.
    pub fn folder(&self) -> Option<&Path> {
        Some(self.generator.folder.as_path()).filter(|folder| !folder.as_os_str().is_empty())
    }

    /// What `--site` has to name from the top of the repository; `None` if the tool finds the site without it.
    pub fn named(&self) -> Option<&Path> {
        self.folder().filter(|folder| *folder != Path::new("site"))
    }

    /// The environment that the dry run names, because no environment deploys this branch by its name.
    pub fn environment_for_proof(&self, head: &Head) -> Option<&str> {
        let first = match &self.config {
            Some(config) => {
                config.environments.first().map(|environment| environment.name.as_str())
            }
            None => self.drafts.first().map(|draft| draft.name.as_str()),
        };
        let (branches, _) = self.branches_and_secrets();
        let is_deployed = |name: &String| branches.contains(name);
        first.filter(|_| !matches!(head, Head::Branch { name, .. } if is_deployed(name)))
    }

    /// The branches that are deployed, as texts, and the variables with credentials.
    pub fn branches_and_secrets(&self) -> (Vec<String>, Vec<String>) {
        match &self.config {
            Some(config) => {
                let branches =
                    config.environments.iter().flat_map(|environment| &environment.branches);
                let secrets = config.environments.iter().flat_map(secrets);
                (branches.map(branch_text).collect(), secrets.collect())
            }
            None => {
                let branches = self.drafts.iter().flat_map(|draft| draft.branches.iter().cloned());
                (branches.collect(), self.drafts.iter().flat_map(Draft::secrets).collect())
            }
        }
    }
}

/// The variables that must be set: a session token is optional unless the file names it.
fn secrets(environment: &Environment) -> Vec<String> {
    let Credentials::Variables { access_key_id, secret_access_key, session_token } =
        &environment.credentials
    else {
        return Vec::new();
    };
    let mut names = vec![access_key_id.clone(), secret_access_key.clone()];
    if let SessionToken::Required(name) = session_token {
        names.push(name.clone());
    }
    names
}

fn branch_text(branches: &Branches) -> String {
    match branches {
        Branches::Exactly(name) => name.clone(),
        Branches::Matching(glob) => glob.glob().glob().to_owned(),
    }
}

impl Findings {
    pub fn read(checkout: &Checkout) -> Result<Findings> {
        let root = checkout.root.clone();
        let deployed = deployed::read(&root);
        let generators = generator::find(&root);
        let is_only = generators.len() == 1;
        let mut sites = Vec::new();
        let all = [deployed.places.as_slice(), &deployed.open].concat();
        let is_minified = says_minify(&root, &all);
        for mut generator in generators {
            if !is_minified {
                generator.leave_unminified();
            }
            let config = read_config(&root, &generator.folder)?;
            let places = places_of(&all, &generator, is_only);
            let (mut drafts, shared) = environments::drafts(&places);
            if drafts.is_empty() {
                drafts.push(Draft { name: "production".into(), ..Draft::default() });
            }
            if let ([draft], Head::Branch { name, .. }) = (drafts.as_mut_slice(), &checkout.head)
                && draft.branches.is_empty()
            {
                draft.branches.push(name.clone());
            }
            if drafts.len() == 1 && drafts[0].branches.is_empty() {
                drafts[0].branches.push("main".into());
            }
            sites.push(SiteFindings { generator, config, drafts, shared });
        }
        if sites.is_empty() {
            return Err(Error::Config(
                "there is no site in this repository: no configuration of a generator that this tool knows, and no `index.html`\n\nhint: if another generator makes it, write deploy.toml as the page \"A deploy.toml for your generator\" shows, and run this again".into(),
            ));
        }
        let mut deploying: Vec<PathBuf> = all.iter().map(|place| place.file.clone()).collect();
        deploying.dedup();
        let old_builds = old_builds(&root, &deploying);
        let vendor = vendor(&root);
        Ok(Findings { root, sites, deploying, notes: deployed.notes, old_builds, vendor })
    }

    /// Adds what was typed to the one environment that it is about.
    pub fn add_typed(&mut self, typed: &InitEnvironment) -> Result<()> {
        if typed.is_empty() {
            return Ok(());
        }
        let count = self.sites.len();
        for site in &mut self.sites {
            if count > 1 && site.config.is_none() && typed.env.is_none() && typed.bucket.is_some() {
                return Err(Error::Config(
                    "there are several sites, and they cannot all go to one bucket\n\nhint: leave these options out, and write the buckets into each deploy.toml".into(),
                ));
            }
            add_to(&mut site.drafts, typed)?;
        }
        Ok(())
    }

    /// Fails if a value that was found or typed is not one that `deploy.toml` takes. Nothing is written yet.
    pub fn check(&self) -> Result<()> {
        for site in self.sites.iter().filter(|site| site.config.is_none()) {
            let Site { generator, drafts, shared } = site.wanted();
            let text = deploy_toml::text(generator, drafts, shared);
            let folder = self.root.join(&generator.folder);
            Config::parse(&text, &folder, &generator.folder.join(FILE))?;
        }
        Ok(())
    }

    /// The `deploy.toml` files in which an earlier `init` left values open.
    pub fn open_files(&self) -> impl Iterator<Item = PathBuf> {
        let open = |site: &&SiteFindings| {
            site.config.as_ref().is_some_and(|config| config.needs_account().is_err())
        };
        self.sites.iter().filter(open).map(|site| site.generator.folder.join(FILE))
    }

    /// What a person still has to fill in: the file, the environment, the keys.
    pub fn unknown(&self) -> Vec<(PathBuf, String, Vec<&'static str>)> {
        let new = self.sites.iter().filter(|site| site.config.is_none());
        let all = new.flat_map(|site| {
            let file = site.generator.folder.join(FILE);
            site.drafts.iter().map(move |draft| (file.clone(), draft.name.clone(), draft.unknown()))
        });
        all.filter(|(.., keys)| !keys.is_empty()).collect()
    }
}

fn add_to(drafts: &mut Vec<Draft>, typed: &InitEnvironment) -> Result<()> {
    let at = match &typed.env {
        Some(name) => drafts.iter().position(|draft| draft.name == *name),
        None if drafts.len() == 1 => Some(0),
        None => {
            let names: Vec<&str> = drafts.iter().map(|draft| draft.name.as_str()).collect();
            return Err(Error::Config(format!(
                "these options are about one environment, and there are {}: {}\n\nhint: --env {}",
                names.len(),
                names.join(", "),
                names[0]
            )));
        }
    };
    let is_blank = |draft: &Draft| draft.bucket.is_none() && draft.found.is_none();
    let at = at.or_else(|| (drafts.len() == 1 && is_blank(&drafts[0])).then_some(0));
    let at = at.unwrap_or_else(|| {
        drafts.push(Draft::default());
        drafts.len() - 1
    });
    let draft = &mut drafts[at];
    if let Some(name) = &typed.env {
        draft.name.clone_from(name);
    }
    if !typed.branch.is_empty() {
        draft.branches.clone_from(&typed.branch);
    }
    for (known, typed) in [
        (&mut draft.account, &typed.account),
        (&mut draft.region, &typed.region),
        (&mut draft.bucket, &typed.bucket),
        (&mut draft.prefix, &typed.prefix),
        (&mut draft.url, &typed.url),
    ] {
        if typed.is_some() {
            known.clone_from(typed);
        }
    }
    Ok(())
}

/// The `deploy.toml` that a site already has.
fn read_config(root: &Path, folder: &Path) -> Result<Option<Config>> {
    let site = root.join(folder);
    match site.join(FILE).symlink_metadata() {
        Ok(_) => Config::read(&site, folder).map(Some),
        Err(_) => Ok(None),
    }
}

/// The places to which the output of a site is sent. If there is only one site, those whose folder is not known are its
/// own too.
fn places_of(places: &[Place], site: &Generator, is_only: bool) -> Vec<Place> {
    let output = plain(&site.folder.join(&site.output));
    let is_own = |place: &&Place| match &place.folder {
        Some(folder) => is_only || plain(folder) == output,
        None => is_only,
    };
    places.iter().filter(is_own).cloned().collect()
}

/// Whether the files that deploy the site today let Hugo minify it. If nothing deploys it yet, it is minified.
/// Otherwise the first deploy would change every page.
fn says_minify(root: &Path, places: &[Place]) -> bool {
    let read = |place: &Place| std::fs::read_to_string(root.join(&place.file)).unwrap_or_default();
    places.is_empty() || places.iter().any(|place| read(place).contains("--minify"))
}

/// Commands of Hugo with options beyond `--minify`, each as it stands in its file.
fn old_builds(root: &Path, files: &[PathBuf]) -> Vec<String> {
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(root.join(file)).ok());
    let lines: Vec<String> =
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let command = |line: &String| {
        let start = line.find("hugo -")?;
        let command = line[start..].split(['&', '|', ';', '#']).next()?.trim().to_owned();
        (command != "hugo --minify").then_some(command)
    };
    let mut found: Vec<String> = lines.iter().filter_map(command).collect();
    found.dedup();
    found
}

fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| part.as_os_str() != ".").collect()
}

fn vendor(root: &Path) -> Option<Vendor> {
    let files = [
        (Vendor::GitHub, ".github"),
        (Vendor::GitLab, ".gitlab-ci.yml"),
        (Vendor::CircleCi, ".circleci"),
        (Vendor::CircleCi, "circle.yml"),
        (Vendor::Script, "bitbucket-pipelines.yml"),
        (Vendor::Script, "buildspec.yml"),
        (Vendor::Script, ".travis.yml"),
        (Vendor::Script, ".buildkite"),
        (Vendor::Script, "Jenkinsfile"),
        (Vendor::Script, "azure-pipelines.yml"),
    ];
    let found = files.iter().find(|(_, file)| root.join(file).symlink_metadata().is_ok());
    found.map(|(vendor, _)| *vendor).or_else(|| vendor_of_remote(root))
}

/// The vendor that hosts the repository.
fn vendor_of_remote(root: &Path) -> Option<Vendor> {
    let address = checkout::origin(root).filter(|origin| origin.is_remote)?.address;
    let hosts = [("github.com", Vendor::GitHub), ("gitlab.", Vendor::GitLab)];
    hosts.iter().find(|(host, _)| address.contains(host)).map(|(_, vendor)| *vendor)
}
