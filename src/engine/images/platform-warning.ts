import type { Platform } from '../../oci/descriptor.ts'
import { platformOf, type ImageConfig } from '../../oci/image-config.ts'
import { servesPlatform } from '../../oci/platform-match.ts'
import { displayPlatform } from '../../oci/platform.ts'

/** docker's warning of an image that the machine cannot run by itself, though nobody asked for such a one; undefined for all others. */
export const platformWarning = (config: ImageConfig, host: Platform): string | undefined => {
  const platform = platformOf(config)
  if (servesPlatform(host, platform)) return undefined
  return `The requested image's platform (${displayPlatform(platform)}) does not match the detected host platform (${displayPlatform(host)}) and no specific platform was requested`
}
