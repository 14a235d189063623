import { startTestRegistry } from '../testing/registry-server.ts'
import { testRemoteRepository } from '../testing/remote-repository.ts'

testRemoteRepository('a repository of our registry', startTestRegistry)
