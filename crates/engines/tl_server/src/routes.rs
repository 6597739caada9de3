//! The one table: every route, and who may use it. The router is built from it, the tests and the API document are held
//! against it.

use tl_wire::Role;

/// HTTP methods in use. GET answers HEAD as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads; changes nothing.
    Get,
    /// Does something.
    Post,
    /// Sets something, whole.
    Put,
    /// Ends something.
    Delete,
    /// Tells what can be done.
    Options,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, through both doors.
    Open,
    /// Anybody through HTTPS; through the plain door whoever has its token.
    Public,
    /// Whoever has the viewer's grant in the address.
    Grant,
    /// These roles.
    Roles(&'static [Role]),
    /// These roles, or whoever has a viewer's grant as bearer token.
    RolesOrGrant(&'static [Role]),
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// How it is asked.
    pub method: Method,
    /// Its address; `{name}` stands for one step, `{*name}` for the rest.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    pub(crate) endpoint: Endpoint,
}

/// What answers; each is one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    PostCommand,
    GetSnapshot,
    StreamEvents,
    StreamDelivery,
    ListSessions,
    GetStatus,
    GetHealth,
    GetLogs,
    ListRecordings,
    ListAllRecordings,
    GetRecording,
    GetThumbnail,
    PutChunk,
    EndChunks,
    SetSource,
    ClearSource,
    ListDevices,
    ListDestinations,
    SetDestination,
    RemoveDestination,
    TestDestination,
    GetClock,
    GetContent,
    GetContentInfo,
    GetContentIndex,
    GetContentFile,
    OfferWhip,
    EndWhip,
    DescribeOffers,
    OfferWhep,
    EndWhep,
    StartWatching,
    EndWatching,
    GetMedia,
    IssueTicket,
    ListTickets,
    RevokeTicket,
    Join,
    GetJoin,
    LogIn,
    LogOut,
    GetMetrics,
    GetDocument,
    GoToDesk,
    GoToFolder,
    GetPage,
}

const ALL: &[Role] = &[Role::Owner, Role::Director, Role::Camera, Role::Commentator, Role::Viewer];
const CREW: &[Role] = &[Role::Owner, Role::Director];
const CAMERAS: &[Role] = &[Role::Owner, Role::Director, Role::Camera];
const SENDERS: &[Role] = &[Role::Owner, Role::Director, Role::Camera, Role::Commentator];
const WATCHERS: &[Role] = &[Role::Owner, Role::Director, Role::Commentator, Role::Viewer];

const fn route(method: Method, path: &'static str, access: Access, endpoint: Endpoint) -> Route {
    Route { method, path, access, endpoint }
}

/// Every route.
pub const ROUTES: &[Route] = &[
    route(Method::Post, "/api/v1/sessions/{id}/commands", Access::Roles(CREW), Endpoint::PostCommand),
    route(Method::Get, "/api/v1/sessions/{id}/snapshot", Access::Roles(ALL), Endpoint::GetSnapshot),
    route(Method::Get, "/api/v1/sessions/{id}/events", Access::Roles(ALL), Endpoint::StreamEvents),
    route(Method::Get, "/api/v1/sessions/{id}/streaming/events", Access::Roles(CREW), Endpoint::StreamDelivery),
    route(Method::Get, "/api/v1/sessions", Access::Roles(CREW), Endpoint::ListSessions),
    route(Method::Get, "/api/v1/sessions/{id}/status", Access::Roles(ALL), Endpoint::GetStatus),
    route(Method::Get, "/api/v1/sessions/{id}/health", Access::Roles(CREW), Endpoint::GetHealth),
    route(Method::Get, "/api/v1/sessions/{id}/logs", Access::Roles(CREW), Endpoint::GetLogs),
    route(Method::Get, "/api/v1/sessions/{id}/recordings", Access::Roles(CREW), Endpoint::ListRecordings),
    route(Method::Get, "/api/v1/sessions/{id}/recordings/{name}", Access::Roles(CREW), Endpoint::GetRecording),
    route(Method::Get, "/api/v1/recordings", Access::Roles(CREW), Endpoint::ListAllRecordings),
    route(Method::Get, "/api/v1/sessions/{id}/cameras/{slot}/thumbnail.jpg", Access::Roles(CAMERAS), Endpoint::GetThumbnail),
    route(Method::Post, "/api/v1/sessions/{id}/cameras/{slot}/chunks", Access::Roles(CAMERAS), Endpoint::PutChunk),
    route(Method::Delete, "/api/v1/sessions/{id}/cameras/{slot}/chunks", Access::Roles(CAMERAS), Endpoint::EndChunks),
    route(Method::Put, "/api/v1/sessions/{id}/cameras/{slot}/source", Access::Roles(CREW), Endpoint::SetSource),
    route(Method::Delete, "/api/v1/sessions/{id}/cameras/{slot}/source", Access::Roles(CREW), Endpoint::ClearSource),
    route(Method::Get, "/api/v1/devices", Access::Roles(CREW), Endpoint::ListDevices),
    route(Method::Get, "/api/v1/destinations", Access::Roles(CREW), Endpoint::ListDestinations),
    route(Method::Put, "/api/v1/destinations/{name}", Access::Roles(CREW), Endpoint::SetDestination),
    route(Method::Delete, "/api/v1/destinations/{name}", Access::Roles(CREW), Endpoint::RemoveDestination),
    route(Method::Post, "/api/v1/destinations/{name}/test", Access::Roles(CREW), Endpoint::TestDestination),
    route(Method::Get, "/api/v1/clock", Access::Roles(ALL), Endpoint::GetClock),
    route(Method::Get, "/api/v1/content/{hash}", Access::Roles(CREW), Endpoint::GetContent),
    route(Method::Get, "/api/v1/content/{hash}/", Access::Roles(CREW), Endpoint::GetContentIndex),
    route(Method::Get, "/api/v1/content/{hash}/info", Access::Roles(CREW), Endpoint::GetContentInfo),
    route(Method::Get, "/api/v1/content/{hash}/{*path}", Access::Roles(CREW), Endpoint::GetContentFile),
    route(Method::Post, "/whip/{slot}", Access::Roles(SENDERS), Endpoint::OfferWhip),
    route(Method::Options, "/whip/{slot}", Access::Open, Endpoint::DescribeOffers),
    route(Method::Delete, "/whip/{slot}/{session}", Access::Roles(SENDERS), Endpoint::EndWhip),
    route(Method::Post, "/whep", Access::RolesOrGrant(WATCHERS), Endpoint::OfferWhep),
    route(Method::Options, "/whep", Access::Open, Endpoint::DescribeOffers),
    route(Method::Delete, "/whep/{session}", Access::RolesOrGrant(WATCHERS), Endpoint::EndWhep),
    route(Method::Post, "/api/v1/watch", Access::Roles(WATCHERS), Endpoint::StartWatching),
    route(Method::Delete, "/api/v1/watch", Access::Roles(CREW), Endpoint::EndWatching),
    route(Method::Get, "/v/{grant}/{*path}", Access::Grant, Endpoint::GetMedia),
    route(Method::Post, "/api/v1/tickets", Access::Roles(CREW), Endpoint::IssueTicket),
    route(Method::Get, "/api/v1/tickets", Access::Roles(CREW), Endpoint::ListTickets),
    route(Method::Delete, "/api/v1/tickets/{label}", Access::Roles(CREW), Endpoint::RevokeTicket),
    route(Method::Post, "/api/v1/join", Access::Open, Endpoint::Join),
    route(Method::Get, "/api/v1/join/{request}", Access::Open, Endpoint::GetJoin),
    route(Method::Post, "/api/v1/login", Access::Open, Endpoint::LogIn),
    route(Method::Delete, "/api/v1/login", Access::Open, Endpoint::LogOut),
    route(Method::Get, "/metrics", Access::Roles(CREW), Endpoint::GetMetrics),
    route(Method::Get, "/api/v1/openapi.json", Access::Public, Endpoint::GetDocument),
    route(Method::Get, "/", Access::Public, Endpoint::GoToDesk),
    route(Method::Get, "/desk", Access::Public, Endpoint::GoToFolder),
    route(Method::Get, "/desk/", Access::Public, Endpoint::GetPage),
    route(Method::Get, "/desk/{*path}", Access::Public, Endpoint::GetPage),
    route(Method::Get, "/phone", Access::Public, Endpoint::GoToFolder),
    route(Method::Get, "/phone/", Access::Public, Endpoint::GetPage),
    route(Method::Get, "/phone/{*path}", Access::Public, Endpoint::GetPage),
    route(Method::Get, "/watch", Access::Public, Endpoint::GoToFolder),
    route(Method::Get, "/watch/", Access::Public, Endpoint::GetPage),
    route(Method::Get, "/watch/{*path}", Access::Public, Endpoint::GetPage),
];
