//! A stand-in for Terraform's google provider: it serves the real one's schema and makes nothing.
//!
//! Terraform checks configurations against a provider's schema, and asks the provider itself for all else. So
//! `terraform validate` and tests with a mocked provider need no more than this. It speaks the small part of
//! Terraform's plugin protocol 6 that they use; what the messages look like is told by HashiCorp's `tfplugin6.proto`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use prost::Message;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// What the real provider's schema is, for the resources that we use; the folder's README says where it is from.
const SCHEMA: &str = include_str!("../../../terraform/schema/google.json");

/// A provider that serves until the value is dropped.
pub(crate) struct StubProvider {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl StubProvider {
    pub(crate) fn start() -> Self {
        let schema = Arc::new(ProviderSchema::of(&serde_json::from_str(SCHEMA).unwrap()));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
                tell.send(incoming.local_addr().unwrap()).unwrap();
                let serving = Server::builder().add_service(Provider { schema });
                let stopped = async { drop(stopped.await) };
                serving.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
            });
        });
        Self { address: told.recv().unwrap(), stop: Some(stop), server: Some(server) }
    }

    /// What `TF_REATTACH_PROVIDERS` has to say so that terraform asks this provider, and downloads none.
    pub(crate) fn reattach(&self) -> String {
        let there = json!({
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": std::process::id(),
            // Terraform leaves it running.
            "Test": true,
            "Addr": { "Network": "tcp", "String": self.address.to_string() },
        });
        // OpenTofu has a registry of its own.
        let registries = ["registry.terraform.io", "registry.opentofu.org"];
        let providers = registries.map(|host| (format!("{host}/hashicorp/google"), there.clone()));
        Value::from_iter(providers).to_string()
    }
}

impl Drop for StubProvider {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

#[derive(Clone)]
struct Provider {
    schema: Arc<ProviderSchema>,
}

impl NamedService for Provider {
    const NAME: &'static str = "tfplugin6.Provider";
}

impl Service<http::Request<Body>> for Provider {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let schema = Arc::clone(&self.schema);
        Box::pin(async move {
            Ok(match method.as_str() {
                "GetProviderSchema" => answer(request, Always(Ok((*schema).clone()))).await,
                // The version of the schema is always the same, and with it the state.
                "UpgradeResourceState" => answer(request, Echo).await,
                // An empty answer finds nothing wrong.
                "ValidateProviderConfig"
                | "ValidateResourceConfig"
                | "ValidateDataResourceConfig"
                | "ConfigureProvider"
                | "StopProvider" => answer(request, Always(Ok(()))).await,
                _ => {
                    let why = format!("the stub provider has only a schema, no {method}");
                    answer::<(), ()>(request, Always(Err(Status::unimplemented(why)))).await
                }
            })
        })
    }
}

async fn answer<I, O>(
    request: http::Request<Body>,
    service: impl UnaryService<I, Response = O>,
) -> http::Response<Body>
where
    I: Message + Default + 'static,
    O: Message + 'static,
{
    Grpc::new(ProstCodec::<O, I>::default()).unary(service, request).await
}

/// Answers whatever is asked with the same.
struct Always<M>(Result<M, Status>);

impl<M: Message + Clone + 'static> UnaryService<()> for Always<M> {
    type Response = M;
    type Future = Ready<Result<Response<M>, Status>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(self.0.clone().map(Response::new))
    }
}

/// Gives back the state that it was given.
struct Echo;

impl UnaryService<OldState> for Echo {
    type Response = NewState;
    type Future = Ready<Result<Response<NewState>, Status>>;

    fn call(&mut self, request: Request<OldState>) -> Self::Future {
        let json = request.into_inner().state.unwrap_or_default().json;
        ready(Ok(Response::new(NewState { state: Some(NewValue { json }) })))
    }
}

#[derive(Clone, PartialEq, Message)]
struct OldState {
    #[prost(message, optional, tag = "3")]
    state: Option<OldValue>,
}

#[derive(Clone, PartialEq, Message)]
struct OldValue {
    #[prost(bytes = "vec", tag = "1")]
    json: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct NewState {
    #[prost(message, optional, tag = "1")]
    state: Option<NewValue>,
}

#[derive(Clone, PartialEq, Message)]
struct NewValue {
    #[prost(bytes = "vec", tag = "2")]
    json: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ProviderSchema {
    #[prost(message, optional, tag = "1")]
    provider: Option<Schema>,
    #[prost(map = "string, message", tag = "2")]
    resources: HashMap<String, Schema>,
    #[prost(map = "string, message", tag = "3")]
    data_sources: HashMap<String, Schema>,
}

#[derive(Clone, PartialEq, Message)]
struct Schema {
    #[prost(int64, tag = "1")]
    version: i64,
    #[prost(message, optional, tag = "2")]
    block: Option<Block>,
}

#[derive(Clone, PartialEq, Message)]
struct Block {
    #[prost(message, repeated, tag = "2")]
    attributes: Vec<Attribute>,
    #[prost(message, repeated, tag = "3")]
    blocks: Vec<NestedBlock>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "vec", tag = "2")]
    of_type: Vec<u8>,
    #[prost(bool, tag = "4")]
    required: bool,
    #[prost(bool, tag = "5")]
    optional: bool,
    #[prost(bool, tag = "6")]
    computed: bool,
}

#[derive(Clone, PartialEq, Message)]
struct NestedBlock {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    block: Option<Block>,
    #[prost(int32, tag = "3")]
    nesting: i32,
    #[prost(int64, tag = "4")]
    least: i64,
    #[prost(int64, tag = "5")]
    most: i64,
}

/// From what `terraform providers schema -json` prints.
impl ProviderSchema {
    fn of(printed: &Value) -> Self {
        let provider = &printed["provider_schemas"]["registry.terraform.io/hashicorp/google"];
        Self {
            provider: Some(Schema::of(&provider["provider"])),
            resources: each(&provider["resource_schemas"], Schema::of).collect(),
            data_sources: each(&provider["data_source_schemas"], Schema::of).collect(),
        }
    }
}

impl Schema {
    fn of(printed: &Value) -> Self {
        let version = printed["version"].as_i64().unwrap();
        Self { version, block: Some(Block::of(&printed["block"])) }
    }
}

impl Block {
    fn of(printed: &Value) -> Self {
        let flag = |attribute: &Value, name: &str| attribute[name].as_bool().unwrap_or_default();
        let attributes =
            each(&printed["attributes"], Value::clone).map(|(name, attribute)| Attribute {
                name,
                of_type: attribute["type"].to_string().into_bytes(),
                required: flag(&attribute, "required"),
                optional: flag(&attribute, "optional"),
                computed: flag(&attribute, "computed"),
            });
        let blocks =
            each(&printed["block_types"], Value::clone).map(|(name, nested)| NestedBlock {
                name,
                block: Some(Self::of(&nested["block"])),
                nesting: match nested["nesting_mode"].as_str() {
                    Some("single") => 1,
                    Some("list") => 2,
                    Some("set") => 3,
                    other => panic!("a block nested as {other:?}"),
                },
                least: nested["min_items"].as_i64().unwrap_or_default(),
                most: nested["max_items"].as_i64().unwrap_or_default(),
            });
        Self { attributes: attributes.collect(), blocks: blocks.collect() }
    }
}

fn each<T>(object: &Value, read: impl Fn(&Value) -> T) -> impl Iterator<Item = (String, T)> {
    object.as_object().into_iter().flatten().map(move |(name, value)| (name.clone(), read(value)))
}
