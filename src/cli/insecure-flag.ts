/** docker's flag of the manifest commands; main() takes it for --tls-verify=false. */
export const insecureFlag = {
  insecure: { type: 'boolean', help: 'Allow communication with an insecure registry' },
} as const
