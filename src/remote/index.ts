export { createRegistryClient, type RegistryClientOptions } from './client.ts'
export { createCredentialStore, type CredentialStoreOptions } from './credentials/store.ts'
export { login } from './login.ts'
export type {
  CredentialSource,
  CredentialStore,
  Credentials,
  RawManifest,
  ReferrerLister,
  RegistryClient,
  RemoteRepository,
  RepositoryOptions,
  TagLister,
} from './interfaces.ts'
