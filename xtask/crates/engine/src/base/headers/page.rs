//! Which files are pages: those from which visitors, feed readers or browsers start.

/// Whether visitors, feed readers or browsers start from this file. The files that it points to must exist before it
/// does, and for as long as it does.
pub fn is_page(key: &str, content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let page = matches!(
        essence,
        "text/html"
            | "application/xhtml+xml"
            | "application/xml"
            | "text/xml"
            | "application/rss+xml"
            | "application/atom+xml"
            | "application/feed+json"
            | "application/manifest+json"
    );
    let name = key.rsplit('/').next().unwrap_or_default();
    page || matches!(name, "sitemap.txt" | "feed.json") || is_service_worker(name)
}

/// Whether the name is that of a service worker, or of a file that one relies on: those of Workbox, Angular, Flutter,
/// Firebase, OneSignal and others. A browser requests it on its own, and it loads the files that it lists.
fn is_service_worker(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(".js").or_else(|| name.strip_suffix(".mjs")) else {
        return name == "ngsw.json";
    };
    let stem = stem.strip_suffix(".min").unwrap_or(stem);
    let parts: Vec<&str> = stem.split(['-', '_', '.']).collect();
    let words = parts.concat();
    let is_sw = |part: &&str| part.trim_end_matches(|c: char| c.is_ascii_digit()) == "sw";
    let is_for_offline = |name: &&str| words.contains(name);
    stem.ends_with("sw")
        || parts.iter().any(is_sw)
        || words.contains("serviceworker")
        || (parts.contains(&"worker") && ["pwa", "offline", "cache"].iter().any(is_for_offline))
        || matches!(
            words.as_str(),
            "ngswworker" | "onesignalsdkworker" | "onesignalsdkupdaterworker"
        )
}

#[cfg(test)]
mod tests {
    use super::super::content_type;
    use super::*;

    #[test]
    fn a_file_that_loads_others_is_a_page() {
        for (key, page) in [
            ("index.html", true),
            ("feed.xml", true),
            ("sw.js", true),
            ("a/sw.mjs", true),
            ("firebase-messaging-sw.js", true),
            ("flutter_service_worker.js", true),
            ("service-worker.js", true),
            ("service-worker-assets.js", true),
            ("serviceWorker.min.js", true),
            ("coi-serviceworker.js", true),
            ("ngsw-worker.js", true),
            ("ngsw.json", true),
            ("OneSignalSDKWorker.js", true),
            ("registerSW.js", true),
            ("sw-v2.js", true),
            ("sw2.js", true),
            ("sw.v3.min.js", true),
            ("workbox-sw-prod.js", true),
            ("pwa-worker.js", true),
            ("offline_worker.js", true),
            ("sw_cached_site.js", true),
            ("swiper.js", false),
            ("swagger-ui-bundle.js", false),
            ("swap-2.js", false),
            ("worker-1.js", false),
            ("answer2.js", false),
            ("sitemap.txt", true),
            ("news.js", false),
            ("pdf.worker.js", false),
            ("remoteEntry.js", false),
            ("page-data/index/page-data.json", false),
            ("service-worker.js.map", false),
            ("sw.css", false),
        ] {
            assert_eq!(is_page(key, &content_type(key)), page, "{key}");
        }
    }
}
