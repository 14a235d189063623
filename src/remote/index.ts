export { createRegistryClient, type RegistryClientOptions } from './client.ts'
export { parseLoginTarget } from './credentials/key.ts'
export { parseStorage, type Storage, type Stored } from './credentials/storage.ts'
export { createCredentialStore, type CredentialStoreOptions } from './credentials/store.ts'
export { createRouter, routingFiles } from './mirrors/router.ts'
export { download } from './download.ts'
export { login } from './login.ts'
export { createUploadJournal } from './upload-journal.ts'
export type {
  CredentialSource,
  CredentialStore,
  LoginTarget,
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
