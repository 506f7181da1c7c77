//! Requests over a connection to an appliance.

use std::time::Duration;

use bytes::Bytes;
use holdfast_server::protocol::Problem;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connect::{Body, Connection};
use super::failure::{Refused, Unreachable};
use super::text::plain;
use super::watch::{Pieces, Progressing, Watched};
use crate::Failure;

/// Time without a byte in either direction after which an answer is given up. Uploads have longer: the appliance writes
/// to its disk before it answers.
const STALLED: Duration = Duration::from_secs(60);
const UPLOAD_STALLED: Duration = Duration::from_secs(300);
/// Most bytes of an answer: some 60 000 versions, far more than any other needs.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Longest line of an answer that comes line by line.
const MAX_LINE: usize = 256 * 1024;

impl Connection {
    /// `GET`
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Failure> {
        self.send(Method::GET, path, empty(), STALLED).await
    }

    /// `DELETE`
    pub async fn delete<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Failure> {
        self.send(Method::DELETE, path, empty(), STALLED).await
    }

    /// `PUT` of JSON.
    pub async fn put<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = Pieces::new(serde_json::to_vec(message)?.into()).boxed();
        self.send(Method::PUT, path, body, STALLED).await
    }

    /// `GET` of an answer that comes line by line; each goes to `take`, which ends it by an error. Empty lines only say
    /// that the connection holds.
    pub async fn lines(
        &mut self,
        path: &str,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let progress = Progressing::default();
        let reading = async {
            let response = self.ask(Method::GET, path, empty()).await?;
            let status = response.status();
            let mut body = response.into_body();
            if !status.is_success() {
                let answer = read(body, &progress).await?;
                return Err(problem(status, &answer));
            }
            let mut held = Vec::new();
            while let Some(frame) = body.frame().await {
                progress.made();
                let frame = frame.map_err(|error| cut(&error))?;
                held.extend_from_slice(&frame.into_data().unwrap_or_default());
                while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                    let rest = held.split_off(end);
                    if !held.is_empty() {
                        take(&held)?;
                    }
                    held = rest.get(1..).unwrap_or_default().to_vec();
                }
                if held.len() > MAX_LINE {
                    return Err(
                        "the appliance sends a line without end; use the `holdfast` of its version"
                            .into(),
                    );
                }
            }
            Ok(())
        };
        tokio::select! {
            done = reading => done,
            () = progress.stalled(STALLED) => Err(silent(STALLED)),
        }
    }

    /// `POST` of JSON.
    pub async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, Failure> {
        self.post_encoded(path, serde_json::to_vec(message)?.into())
            .await
    }

    /// `POST` of what is JSON already.
    pub async fn post_encoded<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: Bytes,
    ) -> Result<T, Failure> {
        let body = Pieces::new(message).boxed();
        self.send(Method::POST, path, body, STALLED).await
    }

    /// `POST` of blobs.
    pub async fn upload<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: Body,
    ) -> Result<T, Failure> {
        self.send(Method::POST, path, body, UPLOAD_STALLED).await
    }

    /// Sends a request; an answer that is no success becomes its problem's text.
    async fn send<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        patience: Duration,
    ) -> Result<T, Failure> {
        let progress = Progressing::default();
        let body = Watched::new(body, progress.clone()).boxed();
        let (status, answer) = tokio::select! {
            answer = self.exchange(method, path, body, &progress) => answer?,
            () = progress.stalled(patience) => {
                return Err(silent(patience));
            }
        };
        if status.is_success() {
            return serde_json::from_slice(&answer).map_err(|error| {
                let error = plain(&error.to_string());
                format!("the appliance answered in another form ({error}); use the `holdfast` of its version").into()
            });
        }
        Err(problem(status, &answer))
    }

    async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        progress: &Progressing,
    ) -> Result<(StatusCode, Vec<u8>), Failure> {
        let response = self.ask(method, path, body).await?;
        let status = response.status();
        Ok((status, read(response.into_body(), progress).await?))
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Failure> {
        self.sender.ready().await.map_err(|error| cut(&error))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "holdfast.invalid")
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        let response = self.sender.send_request(request).await;
        response.map_err(|error| cut(&error))
    }
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// The problem's text, of an answer that is no success.
fn problem(status: StatusCode, answer: &[u8]) -> Failure {
    let why = match serde_json::from_slice::<Problem>(answer) {
        Ok(problem) => format!("{}: {}", plain(&problem.title), plain(&problem.detail)),
        Err(_) => format!("the appliance answered {status}; use the `holdfast` of its version"),
    };
    Refused::new(status, why).into()
}

fn silent(patience: Duration) -> Failure {
    let seconds = patience.as_secs();
    Unreachable(format!(
        "the appliance has not answered for {seconds} seconds; see its console, then try again"
    ))
    .into()
}

/// Reads an answer of at most [`MAX_ANSWER`] bytes.
async fn read<B>(mut body: B, progress: &Progressing) -> Result<Vec<u8>, Failure>
where
    B: hyper::body::Body<Data = Bytes, Error: std::error::Error + 'static> + Unpin,
{
    let mut answer = Vec::new();
    while let Some(frame) = body.frame().await {
        progress.made();
        let frame = frame.map_err(|error| cut(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if answer.len().saturating_add(data.len()) > MAX_ANSWER {
            return Err(
                "the appliance's answer is longer than 16 MiB; use the `holdfast` of its version"
                    .into(),
            );
        }
        answer.extend_from_slice(&data);
    }
    Ok(answer)
}

fn cut(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Unreachable(format!(
        "the connection to the appliance broke: {cause}; try again"
    ))
    .into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[test]
    fn answer_without_end_is_cut_off() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let read_so_many = |length| {
            let body = Full::new(Bytes::from(vec![0; length]));
            runtime.block_on(async { read(body, &Progressing::default()).await })
        };
        assert_eq!(read_so_many(MAX_ANSWER).unwrap().len(), MAX_ANSWER);
        let why = read_so_many(MAX_ANSWER.saturating_add(1)).unwrap_err();
        assert!(why.to_string().contains("longer than 16 MiB"), "{why}");
    }
}
