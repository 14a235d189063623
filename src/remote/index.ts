export { createRegistryClient, type RegistryClientOptions } from './client.ts'
export { parseLoginTarget } from './credentials/key.ts'
export { parseStorage, type Storage, type Stored } from './credentials/storage.ts'
export { createCredentialStore, type CredentialStoreOptions } from './credentials/store.ts'
export { createRouter, routingFiles } from './mirrors/router.ts'
export { login } from './login.ts'
export { referrersTag } from './referrers.ts'
export type {
  CredentialSource,
  CredentialStore,
  LoginTarget,
  Credentials,
  RawManifest,
  ReferrerLister,
  RegistryClient,
  RemoteRepository,
  RepositoryOptions,
  TagLister,
} from './interfaces.ts'
