//! Company networks and small machines: proxies, certificates of private authorities, hosts that cannot be reached, few
//! open files.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::harness::{Answer, Certificate, Proxy, Ran, SlowLine, Tls, Via, World};

/// An address that no machine has, so that only a proxy reaches it (RFC 5737). Buckets are in its paths.
const ELSEWHERE: &str = "192.0.2.1:9000";

/// An address of this machine that is not one of its loopback interface.
const HERE: &str = "0.0.0.0";

/// Nothing listens on port 1 of this machine.
const DEAD: &str = "http://127.0.0.1:1";

/// How many requests a deploy begins with at the same time: the listing and the record.
const AT_ONCE: usize = 2;

/// A world whose store is at this endpoint.
fn world_at(endpoint: &str) -> World {
    let world = World::new();
    move_to(&world, endpoint, "");
    world.site([("index.html", "page"), ("a.css", "style")]);
    world
}

fn move_to(world: &World, endpoint: &str, more: &str) {
    let config = world.config(more).replace(&world.wire.endpoint(), endpoint);
    world.repo.write("site/deploy.toml", config);
}

/// A world whose store has TLS, with a certificate for these names.
fn world_behind_tls(names: &[&str]) -> (World, Tls) {
    let world = World::new();
    let tls = Tls::to(&world.wire.address(), names);
    move_to(&world, &format!("https://127.0.0.1:{}", tls.port()), "");
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.repo.write("target/ca.pem", &tls.authority);
    (world, tls)
}

#[track_caller]
fn says(ran: &Ran, texts: &[&str]) {
    for text in texts {
        assert!(ran.stderr.contains(text), "`{text}` is missing in\n{}", ran.stderr);
    }
}

#[test]
fn a_deploy_goes_through_the_proxy_that_a_variable_names() {
    let world = world_at(&format!("http://{ELSEWHERE}"));
    let proxy = Proxy::to(&world.wire.address());
    let (address, with_scheme) = (proxy.address(), format!("http://{}", proxy.address()));
    let deploy = |variables: &[(&str, &str)], arguments: &[&str]| {
        world.deploy_with(arguments, variables).exits(0);
        let seen = proxy.take();
        let is_whole = |via: &Via| via.target.starts_with(&format!("http://{ELSEWHERE}/"));
        assert!(!seen.is_empty() && seen.iter().all(is_whole), "{variables:?}: {seen:?}");
    };
    deploy(&[("HTTP_PROXY", &with_scheme)], &[]);
    world.assert_bucket_equals_site("");
    for name in ["http_proxy", "ALL_PROXY", "all_proxy"] {
        deploy(&[(name, &with_scheme)], &["--dry-run"]);
    }
    deploy(&[("http_proxy", &address)], &["--dry-run"]);
    deploy(&[("HTTP_PROXY", &format!("{with_scheme}/"))], &["--dry-run"]);
    deploy(&[("http_proxy", ""), ("HTTP_PROXY", &with_scheme)], &["--dry-run"]);
    deploy(&[("ALL_PROXY", DEAD), ("HTTP_PROXY", &with_scheme)], &["--dry-run"]);
}

#[test]
fn a_store_behind_tls_is_reached_through_a_tunnel() {
    let world = World::new();
    let tls = Tls::to(&world.wire.address(), &["192.0.2.1"]);
    let proxy = Proxy::to(&tls.address());
    move_to(&world, &format!("https://{ELSEWHERE}"), "");
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.repo.write("target/ca.pem", &tls.authority);
    let with_scheme = format!("http://{}", proxy.address());
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let variables = [(name, with_scheme.as_str()), ("AWS_CA_BUNDLE", "target/ca.pem")];
        world.deploy_with(&[], &variables).exits(0);
        let tunnel = Via { method: "CONNECT".into(), target: ELSEWHERE.into() };
        assert!(proxy.take().contains(&tunnel), "{name}");
    }
    world.assert_bucket_equals_site("");
}

#[test]
fn the_account_is_asked_through_the_proxy_too() {
    let world = world_at(&format!("http://{ELSEWHERE}"));
    let proxy = Proxy::to(&world.wire.address());
    move_to(&world, &format!("http://{ELSEWHERE}"), "account = \"111122223333\"");
    let identity = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/site</Arn><UserId>ID</UserId>\
        <Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    world.wire.answer(move |seen| {
        let body = identity.to_owned();
        (seen.path == "/").then(|| Answer { status: 200, headers: Vec::new(), body })
    });
    let variables = [("HTTP_PROXY", &*format!("http://{}", proxy.address()))];
    world.deploy_with(&["--dry-run"], &variables).exits(0);
    assert_eq!(proxy.take()[0].method, "POST");
}

#[test]
fn a_proxy_gets_its_login_which_is_never_shown() {
    let (user, password) = ("someone@example.com", "pass/word:1#2");
    let encoded = "c29tZW9uZUBleGFtcGxlLmNvbTpwYXNzL3dvcmQ6MSMy";
    let world = world_at(&format!("http://{ELSEWHERE}"));
    let tls = Tls::to(&world.wire.address(), &["192.0.2.1"]);
    world.repo.write("target/ca.pem", &tls.authority);
    for (scheme, to) in [("http", world.wire.address()), ("https", tls.address())] {
        move_to(&world, &format!("{scheme}://{ELSEWHERE}"), "");
        let proxy = Proxy::demanding(encoded, &to);
        let run = |login: &str| {
            let value = format!("http://{login}@{}", proxy.address());
            let variables = [("ALL_PROXY", value.as_str()), ("AWS_CA_BUNDLE", "target/ca.pem")];
            world.deploy_with(&["--dry-run"], &variables)
        };
        let spelled = format!("{}:{}", user.replace('@', "%40"), "pass%2Fword%3A1%232");
        run(&spelled).exits(0);
        run(&format!("{user}:{password}")).exits(0);

        proxy.take();
        let ran = run("somebody:a-wrong-password").exits(1);
        assert!(proxy.take().len() <= AT_ONCE, "a wrong login is tried once");
        says(&ran, &["407", "ALL_PROXY", &proxy.address()]);
        for secret in ["somebody", "a-wrong-password", "c29tZWJvZHk6YS13cm9uZy1wYXNzd29yZA=="] {
            assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_with_its_variable() {
    let cases = [
        ("http", "HTTP_PROXY", "http://me:password1@127.0.0.1:1", "127.0.0.1:1"),
        ("https", "HTTPS_PROXY", "http://me:password1@127.0.0.1:1", "127.0.0.1:1"),
        ("https", "ALL_PROXY", "http://me:password1@proxy.invalid:3128", "proxy.invalid:3128"),
        ("https", "https_proxy", "socks5://me:password1@127.0.0.1:1080", "SOCKS"),
        ("https", "HTTPS_PROXY", "ftp://me:password1@127.0.0.1:21", "HTTPS_PROXY=http://"),
        ("http", "http_proxy", "http://me:password1@", "http_proxy=http://"),
        ("http", "http_proxy", "http://me:password1@proxy:port", "http_proxy=http://"),
        ("http", "http_proxy", "me:password1@not a host", "http_proxy=http://"),
    ];
    for (scheme, name, value, named) in cases {
        let world = world_at(&format!("{scheme}://{ELSEWHERE}"));
        let ran = world.deploy_with(&["--dry-run"], &[(name, value)]).exits(1);
        says(&ran, &[name, named, "hint: "]);
        assert!(!ran.stderr.contains("password1"), "{}", ran.stderr);
    }
}

#[test]
fn hosts_of_no_proxy_are_reached_without_one() {
    let world = World::new();
    let port = world.wire.address().rsplit(':').next().unwrap().to_owned();
    move_to(&world, &format!("http://{HERE}:{port}"), "");
    world.site([("index.html", "page")]);
    let dry = |no: (&str, &str)| world.deploy_with(&["--dry-run"], &[("HTTP_PROXY", DEAD), no]);
    let here = format!("example.com, {HERE}:{port}");
    for value in [HERE, "*", &here, "0.0.0.0/8 example.com"] {
        dry(("NO_PROXY", value)).exits(0);
        dry(("no_proxy", value)).exits(0);
    }
    let ran = dry(("NO_PROXY", "0.0.0.1,0.0.0.0:1,.0.0.0.0")).exits(1);
    says(&ran, &["HTTP_PROXY", "127.0.0.1:1", "NO_PROXY"]);
}

#[test]
fn this_machine_is_never_reached_through_a_proxy() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let proxies = [("HTTP_PROXY", DEAD), ("ALL_PROXY", "not a proxy")];
    world.deploy_with(&[], &proxies).exits(0);
    world.assert_bucket_equals_site("");
    world.deploy_with(&["--local"], &proxies).exits(0);
}

#[test]
fn certificates_of_a_private_authority_are_named_by_a_variable() {
    let (world, _tls) = world_behind_tls(&["127.0.0.1"]);
    world.repo.write("target/authorities/ca.pem", world.repo.files("target")["ca.pem"].clone());
    world.repo.write("target/more.pem", {
        let other = Tls::to("127.0.0.1:1", &["example.com"]);
        let [text, own] = [
            &other.authority,
            &String::from_utf8_lossy(&world.repo.files("target")["ca.pem"]).into_owned(),
        ];
        format!("# The authorities of the company\n{text}\n{own}")
    });
    for (name, value) in [
        ("AWS_CA_BUNDLE", "target/ca.pem"),
        ("AWS_CA_BUNDLE", "target/more.pem"),
        ("SSL_CERT_FILE", "target/ca.pem"),
        ("SSL_CERT_DIR", "target/authorities"),
    ] {
        world.deploy_with(&["--dry-run"], &[(name, value)]).exits(0);
    }
    let both = [("AWS_CA_BUNDLE", "target/ca.pem"), ("SSL_CERT_FILE", "target/nowhere.pem")];
    world.deploy_with(&[], &both).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn a_certificate_that_is_not_trusted_is_looked_at_once() {
    let (world, tls) = world_behind_tls(&["127.0.0.1"]);
    let ran = world.deploy(&[]).exits(1);
    says(&ran, &["UnknownIssuer", "hint: ", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "127.0.0.1"]);
    assert!(tls.take_accepted() <= AT_ONCE);
    // As in a container image without any certificates.
    world.repo.write("target/empty/README", "none");
    let none = [("SSL_CERT_DIR", "target/empty"), ("AWS_CA_BUNDLE", "")];
    let ran = world.deploy_with(&[], &none).exits(1);
    says(&ran, &["UnknownIssuer", "AWS_CA_BUNDLE"]);
    assert!(tls.take_accepted() <= AT_ONCE);

    let (world, tls) = world_behind_tls(&["store.example.com"]);
    let bundle = [("AWS_CA_BUNDLE", "target/ca.pem")];
    let ran = world.deploy_with(&[], &bundle).exits(1);
    says(&ran, &["hint: ", "other names", "endpoint"]);
    assert!(tls.take_accepted() <= AT_ONCE);

    let wrong = |certificate: Certificate, texts: &[&str]| {
        let tls = Tls::with(certificate, &world.wire.address(), &["127.0.0.1"]);
        world.repo.write("target/ca.pem", &tls.authority);
        move_to(&world, &format!("https://{}", tls.address()), "");
        let ran = world.deploy_with(&[], &bundle).exits(1);
        says(&ran, &["hint: "]);
        says(&ran, texts);
        assert!(tls.take_accepted() <= AT_ONCE);
    };
    let certificate = Certificate::default;
    wrong(Certificate { valid: 1975..2020, ..certificate() }, &["has expired", "clock"]);
    wrong(Certificate { valid: 3000..4000, ..certificate() }, &["is not valid yet", "clock"]);
    let own = Certificate { is_own_authority: Some(true), ..certificate() };
    wrong(own, &["an authority's own certificate", "CA:FALSE"]);
    let of_client = Certificate { is_of_client: true, ..certificate() };
    wrong(of_client, &["cannot be used for a server"]);
}

#[test]
fn a_certificate_that_a_host_signed_itself_is_trusted_if_a_variable_names_it() {
    let world = World::new();
    let own = Certificate { is_own_authority: Some(false), ..Certificate::default() };
    let tls = Tls::with(own, &world.wire.address(), &["127.0.0.1"]);
    world.repo.write("target/own.pem", &tls.authority);
    move_to(&world, &format!("https://{}", tls.address()), "");
    world.site([("index.html", "page")]);
    says(&world.deploy(&[]).exits(1), &["AWS_CA_BUNDLE"]);
    world.deploy_with(&[], &[("AWS_CA_BUNDLE", "target/own.pem")]).exits(0);
}

#[test]
fn a_bundle_that_cannot_be_read_is_named_with_its_variable() {
    let (world, tls) = world_behind_tls(&["127.0.0.1"]);
    world.repo.write("target/text.pem", "no certificate");
    world.repo.write("target/garbled.pem", tls.authority.replace("MII", "????"));
    world.repo.write(
        "target/other.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        for file in ["nowhere.pem", "text.pem", "garbled.pem", "other.pem"] {
            let path = format!("target/{file}");
            let ran = world.deploy_with(&["--dry-run"], &[(name, &path)]).exits(1);
            says(&ran, &[name, &path, "hint: "]);
            assert!(!ran.stderr.contains("internal") && !ran.stderr.contains("mistake"));
        }
    }
    assert!(tls.take_accepted() <= 8 * AT_ONCE, "nothing is tried again");
    // Without TLS there is no reason to read them.
    move_to(&world, &world.wire.endpoint(), "");
    world.deploy_with(&["--dry-run"], &[("AWS_CA_BUNDLE", "target/nowhere.pem")]).exits(0);
}

#[test]
fn tls_to_a_store_without_it_is_tried_once() {
    let world = World::new();
    move_to(&world, &format!("https://{}", world.wire.address()), "");
    world.site([("index.html", "page")]);
    let ran = world.deploy(&[]).exits(1);
    says(&ran, &["hint: ", "http://"]);
}

#[test]
fn a_host_that_cannot_be_reached_is_named() {
    for (endpoint, host) in [
        ("http://store.invalid:9000", "store.invalid"),
        ("https://s3.eu-nowhere-1.example.invalid", "s3.eu-nowhere-1.example.invalid"),
        (DEAD, "127.0.0.1:1"),
    ] {
        let ran = world_at(endpoint).deploy(&[]).exits(1);
        let hint = ran.stderr.split("hint: ").nth(1).unwrap_or_default();
        assert!(hint.contains(host), "{}", ran.stderr);
    }
}

#[test]
fn a_deploy_gets_by_with_few_open_files() {
    for limit in ["ulimit -n 64", "ulimit -Sn 64", "ulimit -n 40"] {
        let world = World::new();
        let keys: Vec<String> = (0..300).map(|n| format!("{}/{n}.css", n % 40)).collect();
        world.site(keys.iter().map(|key| (key.as_str(), "style")));
        let variables =
            [("SITE_KEY", world.store.key.as_str()), ("SITE_SECRET", &world.store.secret)];
        world.repo.xtask_after(limit, &["deploy"], &variables).exits(0);
        world.assert_bucket_equals_site("");
        world.repo.xtask_after(limit, &["deploy", "--local"], &variables).exits(0);
    }
}

/// Deploys files over a slow line. Returns the time that this took, as a multiple of the time that the line needs for
/// their bytes.
fn over_slow_line(bytes_a_second: u64, files: usize, size: usize) -> f64 {
    let world = World::new();
    let line = SlowLine::to(&world.wire.address(), bytes_a_second);
    move_to(&world, &line.endpoint(), "");
    for n in 0..files {
        world.repo.write(&format!("site/public/{n}.jpg"), vec![n as u8; size]);
    }
    let began = Instant::now();
    world.deploy(&[]).exits(0);
    let took = began.elapsed();
    let mut tries = BTreeMap::<String, u64>::new();
    for seen in world.wire.take().iter().filter(|seen| seen.key().ends_with(".jpg")) {
        *tries.entry(format!("{} {}", seen.key(), seen.query)).or_default() += 1;
    }
    tries.retain(|_, tries| *tries > 1);
    assert!(tries.is_empty(), "sent twice: {tries:?}");
    world.assert_bucket_equals_site("");
    took.as_secs_f64() * bytes_a_second as f64 / (files * size) as f64
}

#[test]
fn over_a_slow_line_nothing_is_sent_twice() {
    over_slow_line(2_000_000, 10, 1 << 20);
    over_slow_line(400_000, 40, 30_000);
}

#[test]
#[ignore = "takes six minutes"]
fn over_a_slow_line_a_deploy_takes_little_more_than_the_line_needs() {
    let cases = [(625_000, 80, 1_000_000), (100_000, 120, 90_000), (400_000, 1, 40_000_000)];
    for (bytes_a_second, files, size) in cases {
        let ratio = over_slow_line(bytes_a_second, files, size);
        eprintln!("{files} files of {size} bytes at {bytes_a_second} bytes a second: {ratio:.2}");
        assert!(ratio < 1.3, "{ratio:.2} times what the line needs");
    }
}

/// A host that accepts the connection and never answers, like a firewall that swallows everything.
#[test]
#[ignore = "takes half a minute"]
fn a_host_that_never_answers_is_reported_after_half_a_minute() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let began = Instant::now();
    let ran = world_at(&format!("http://{address}")).deploy(&[]).exits(1);
    says(&ran, &["no answer from", &address, "hint: "]);
    assert!(began.elapsed() < Duration::from_secs(60), "it is asked once");
}
