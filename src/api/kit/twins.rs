//! PUT and PATCH of a resource do the same here, so one handler answers both:
//! `#[oai(method = "put", method = "patch", operation_id = "products.update")]`. In the document each
//! of the two needs an id and a summary of its own.

use http::Method;
use poem_openapi::registry::MetaPath;

/// Calls the PATCH of such a handler `products.patch`.
pub fn tell_apart(path: &mut MetaPath) {
    let id_of = |method: Method| path.operations.iter().find(|one| one.method == method)?.operation_id;
    let Some(shared) = id_of(Method::PUT).filter(|id| id_of(Method::PATCH) == Some(id)) else { return };
    let Some(patch) = path.operations.iter_mut().find(|one| one.method == Method::PATCH) else { return };
    let resource = shared.rsplit_once('.').map_or(shared, |(resource, _)| resource);
    patch.operation_id = Some(kept(format!("{resource}.patch")));
    patch.summary = patch.summary.map(|summary| kept(format!("{summary} (PATCH)")));
    patch.description = Some("The same as PUT.");
}

/// For the life of the process: the document is made once in it.
fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
