//! The server: who may ask, how large a question may be, and the pages that need no token.

use crate::door::Door;
use crate::routes::ROUTES;
use crate::{answer, metrics, openapi};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use senim_switch::api::{Command, Reply};
use std::io;
use std::net::SocketAddr;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Largest body of a question, bytes.
const BODY_MAX: usize = 64 * 1024;

/// A running server.
#[derive(Debug)]
pub struct Server {
    local: SocketAddr,
    stop: oneshot::Sender<()>,
}

impl Server {
    /// Listens and serves on the runtime it is called in.
    ///
    /// # Errors
    /// The operating system's, when the address cannot be used.
    pub async fn start(listen: SocketAddr, door: Door) -> io::Result<Server> {
        let listener = TcpListener::bind(listen).await?;
        let local = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router(door);
        tokio::spawn(async move {
            let gone = async move {
                // Either end of the channel going away means the same.
                let _ = stopped.await;
            };
            let _ = axum::serve(listener, router).with_graceful_shutdown(gone).await;
        });
        Ok(Server { local, stop })
    }

    /// Where it listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes no further questions.
    pub fn stop(self) {
        let _ = self.stop.send(());
    }
}

fn router(door: Door) -> Router {
    let mut api = Router::new();
    for route in ROUTES {
        api = api.route(route.path, (route.handler)());
    }
    let api = api.route_layer(middleware::from_fn_with_state(door.clone(), bearer));
    Router::new()
        .merge(api)
        .route("/healthz", get(health))
        .route("/metrics", get(page))
        .route("/api/v1/openapi.json", get(|| async { axum::Json(openapi::document()) }))
        .fallback(|| async {
            answer::problem(StatusCode::NOT_FOUND, "there is no such page; see /api/v1/openapi.json")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::map_response(shut))
        .with_state(door)
}

/// Nothing here is a page for browsers to run or to keep.
async fn shut(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    response
}

async fn bearer(State(door): State<Door>, request: Request, next: Next) -> Response {
    let given =
        request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let right = match (&door.token, given) {
        (Some(token), Some(given)) => bool::from(token.reveal().as_bytes().ct_eq(given.as_bytes())),
        _ => false,
    };
    if right {
        return next.run(request).await;
    }
    let mut response = answer::problem(
        StatusCode::UNAUTHORIZED,
        "send the token of [web] as Authorization: Bearer TOKEN; without a token in the configuration the API is closed",
    );
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

async fn board(door: &Door) -> Option<Box<senim_switch::api::Board>> {
    let ask = door.ask.clone();
    match tokio::task::spawn_blocking(move || ask(Command::Board)).await {
        Ok(Reply::Board { board }) => Some(board),
        _ => None,
    }
}

async fn health(State(door): State<Door>) -> Response {
    match board(&door).await {
        Some(board) if !board.draining => (StatusCode::OK, "ok\n").into_response(),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the switch does not answer\n").into_response(),
    }
}

async fn page(State(door): State<Door>) -> Response {
    match board(&door).await {
        Some(board) => {
            let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4");
            ([kind], metrics::page(&board)).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "the switch does not answer\n").into_response(),
    }
}
