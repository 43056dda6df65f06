//! The script that reloads a page when the site changes, and where it is put into a page.

use super::own_links;
use local::website::escape;

/// The tag for a page of this version of the site.
pub fn tag(version: u64) -> String {
    format!("<script src=\"/_preview/reload.js\" data-version=\"{version}\"></script>")
}

/// Puts the script into a page, and makes links to the site's own address lead to the preview. `url` is the address
/// that the site will have, and `base` is what its paths begin with in the preview.
pub fn into_page(page: &[u8], version: u64, url: Option<&str>, base: &str) -> Vec<u8> {
    let mut page = own_links::led_back(page, url, base);
    let end = find_last(&page, b"</body").unwrap_or(page.len());
    page.splice(end..end, tag(version).into_bytes());
    page
}

fn find_last(page: &[u8], wanted: &[u8]) -> Option<usize> {
    page.windows(wanted.len()).rposition(|window| window.eq_ignore_ascii_case(wanted))
}

/// The page that is shown until the site was built once. `failed` says why the build failed.
pub fn waiting(version: u64, failed: Option<&str>) -> String {
    let text = match failed {
        Some(_) => "the site could not be built yet",
        None => "the site is being built",
    };
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<p>{0}</p>\n<pre>{1}</pre>\n{2}\n",
        text,
        escape(failed.unwrap_or_default()),
        tag(version)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stands_at_the_end_of_the_body() {
        for (text, expected) in [
            ("<body>a</body></html>", "<body>a#</body></html>"),
            ("<BODY>a</BODY>", "<BODY>a#</BODY>"),
            ("no tags", "no tags#"),
            ("", "#"),
            ("</body></body>", "</body>#</body>"),
        ] {
            let page = into_page(text.as_bytes(), 3, None, "/");
            assert_eq!(String::from_utf8(page).unwrap().replace(&tag(3), "#"), expected);
        }
    }
}
