// The options of the commands that open an admin API, in one place: `up` and `control-plane` take the same.
import type { Command } from 'commander';

export function withAdminOptions(command: Command): Command {
  return command
    .option(
      '--admin-address <ip>',
      'where the admin API listens; other machines can come in with TLS and a token or client certificate only',
      '127.0.0.1',
    )
    .option('--admin-tls-certificate <file>', 'PEM certificate chain of the admin API')
    .option('--admin-tls-key <file>', 'PEM private key of that certificate')
    .option('--admin-token-file <file>', 'file with the token that callers of the admin API send as `authorization: Bearer ...`')
    .option('--admin-client-ca <file>', 'PEM roots: a client certificate that chains to one of them lets in, as the token does');
}
