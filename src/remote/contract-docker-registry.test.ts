import { test } from 'node:test'
import { noDockerRegistry, startDockerRegistry } from '../testing/docker-registry.ts'
import { testRemoteRepository } from '../testing/remote-repository.ts'

const name = "a repository of the distribution project's registry"
if (noDockerRegistry === false) testRemoteRepository(name, startDockerRegistry)
else test(name, { skip: noDockerRegistry })
