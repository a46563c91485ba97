//! The pages of a demo server as a person sees them: in a browser, with a mouse and a keyboard.

use serde_json::Value;
use thirtyfour::prelude::*;

use crate::binary::{Home, Server};
use crate::browser::{Browser, Screen};

/// A demo server, and a browser in front of it; none where there is no browser.
async fn demo() -> Option<(Home, Server, Browser)> {
    let browser = Browser::start().await?;
    browser.look(Screen::Desk, false).await;
    let home = Home::new();
    let server = home.serve(&["--demo"]);
    Some((home, server, browser))
}

/// Everything came from the server, and nothing went wrong on the way.
async fn assert_complete(browser: &Browser, server: &Server) {
    let requests = browser.requests().await;
    assert!(!requests.is_empty());
    let elsewhere: Vec<&String> = requests.iter().filter(|url| !url.starts_with(&format!("{}/", server.url))).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Puts a credential into the field of the open dialog.
async fn authorize(browser: &Browser, scheme: &str, credential: &str) {
    let container = format!("//div[@class='auth-container'][.//h4/code[text()='{scheme}']]");
    let find = async |inside: &str| {
        let query = browser.page.query(By::XPath(format!("{container}{inside}"))).and_displayed();
        query.first().await.unwrap_or_else(|error| panic!("{scheme}: {error}"))
    };
    find("//input").await.send_keys(credential).await.unwrap();
    find("//button[@type='submit']").await.click().await.unwrap();
    find("//button[text()='Logout']").await;
}

/// Opens an operation, executes it as it stands, and gives status and body as they are shown.
async fn try_out(browser: &Browser, method: &str, path: &str) -> (String, String) {
    let block = format!(".opblock-{method}:has([data-path='{path}'])");
    browser.click(&format!("{block} .opblock-summary-control")).await;
    browser.click(&format!("{block} .btn.execute")).await;
    let status = browser.see(&format!("{block} .live-responses-table tbody .response-col_status")).await;
    let body = browser.see(&format!("{block} .live-responses-table .highlight-code code")).await;
    (status.text().await.unwrap(), body.text().await.unwrap())
}

#[tokio::test]
async fn operations_are_tried_out_with_the_credentials_of_the_demo() {
    let Some((home, server, browser)) = demo().await else { return };
    browser.page.goto(&server.url).await.unwrap();
    browser.click("a[href='docs']").await;
    browser.see(".opblock-tag[data-tag='Products']").await;
    assert_complete(&browser, &server).await;

    let keys = home.data().join("keys");
    let demo: Value = serde_json::from_slice(&std::fs::read(keys.join("demo.json")).unwrap()).unwrap();
    let master = std::fs::read_to_string(keys.join("master.key")).unwrap();
    let (tenant, token) = (demo["tenant_key"].as_str().unwrap(), demo["cashier"]["token"].as_str().unwrap());
    browser.click(".auth-wrapper .btn.authorize").await;
    for (scheme, credential) in [("MasterKey", master.trim()), ("TenantKey", tenant), ("UserToken", token)] {
        authorize(&browser, scheme, credential).await;
    }
    browser.click(".dialog-ux .close-modal").await;

    browser.click(".opblock-tag[data-tag='Products']").await;
    let (status, body) = try_out(&browser, "get", "/api/products").await;
    let page: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!((status.as_str(), &page["total"]), ("200", &40.into()), "{body}");
    let (status, body) = try_out(&browser, "post", "/api/products").await;
    let made: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!((status.as_str(), &made["id"]), ("201", &41.into()), "{body}");
    browser.click(".opblock-tag[data-tag='Central: tenants']").await;
    let (status, body) = try_out(&browser, "get", "/api/central/tenants").await;
    assert!(status == "200" && body.contains(demo["tenant_id"].as_str().unwrap()), "{status} {body}");

    assert_complete(&browser, &server).await;
    let kept = browser.run("return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])").await;
    for secret in [master.trim(), tenant, token] {
        assert!(!kept.to_string().contains(secret), "it stays in the browser: {kept}");
    }
}

#[tokio::test]
async fn reference_shows_every_operation() {
    let Some((_home, server, browser)) = demo().await else { return };
    browser.page.goto(format!("{}/redoc", server.url)).await.unwrap();
    let document: Value = reqwest::get(format!("{}/openapi.json", server.url)).await.unwrap().json().await.unwrap();
    let paths = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<&str> = paths.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert!(ids.len() > 50, "{ids:?}");
    for id in ids {
        // It draws them one after the other.
        browser.wait_until(&format!("document.getElementById('operation/{id}')?.offsetHeight > 100")).await;
    }
    assert_complete(&browser, &server).await;
}

#[tokio::test]
async fn pages_fit_a_phone_by_day_and_by_night() {
    let Some((_home, server, browser)) = demo().await else { return };
    for (path, sign) in [("", "a[href='docs']"), ("docs", ".opblock-tag"), ("redoc", "h1")] {
        let mut colours = Vec::new();
        for is_dark in [false, true] {
            browser.look(Screen::Phone, is_dark).await;
            browser.page.goto(format!("{}/{path}", server.url)).await.unwrap();
            browser.see(sign).await;
            if path == "docs" {
                browser.click(".opblock-tag[data-tag='Products']").await;
                browser.click(".opblock-post .opblock-summary-control").await;
                browser.see(".opblock-post .btn.execute").await;
            }
            assert!(!browser.is_too_wide_for(Screen::Phone).await, "/{path}, dark: {is_dark}");
            let colour = "const of = e => getComputedStyle(e).filter + getComputedStyle(e).backgroundColor; \
                          return of(document.documentElement) + of(document.body)";
            colours.push(browser.run(colour).await);
            assert_complete(&browser, &server).await;
        }
        assert_ne!(colours[0], colours[1], "/{path} is as bright at night as by day");
    }
}
