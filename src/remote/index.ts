export { createRegistryClient, type RegistryClientOptions } from './client.ts'
export { createCredentialStore, type CredentialStoreOptions } from './credentials/store.ts'
export { download } from './download.ts'
export { login } from './login.ts'
export { referrersTag } from './referrers.ts'
export type {
  CredentialSource,
  CredentialStore,
  Credentials,
  PushTimes,
  RawManifest,
  ReferrerLister,
  RegistryClient,
  RemoteRepository,
  RepositoryOptions,
  SearchResult,
  TagLister,
} from './interfaces.ts'
