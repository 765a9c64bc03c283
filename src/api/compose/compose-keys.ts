// The keys of a compose file: those that act, those that are known and mean nothing for local processes, with the reason.

export const actingKeys: readonly string[] = [
  ...['image', 'build', 'command', 'entrypoint', 'environment', 'env_file', 'working_dir', 'ports', 'expose', 'depends_on', 'healthcheck', 'deploy'],
  ...[
    'scale',
    'hostname',
    'stop_signal',
    'stop_grace_period',
    'profiles',
    'volumes',
    'restart',
    'labels',
    'container_name',
    'annotations',
    'extends',
  ],
];

const noContainer = 'a service is a process of this machine here, not a container';
const noNetwork = 'all services are in one mesh here and reach each other by name';

/** Why a key of a service does nothing. */
export const idleKeys: Readonly<Record<string, string>> = {
  networks: noNetwork,
  network_mode: noNetwork,
  links: noNetwork,
  external_links: noNetwork,
  dns: noNetwork,
  dns_search: noNetwork,
  extra_hosts: noNetwork,
  aliases: noNetwork,
  mac_address: noNetwork,
  secrets: 'give their content by environment or env_file',
  configs: 'give their content by environment or env_file',
  develop: 'a change of the compose file acts at once; changes of programs do not',
  logging: 'logs are in the state folder: heddle logs NAME',
  ...Object.fromEntries(
    [
      ...['cap_add', 'cap_drop', 'cgroup', 'cgroup_parent', 'cpu_count', 'cpu_percent', 'cpu_shares', 'cpu_period', 'cpu_quota', 'cpus', 'cpuset'],
      ...['credential_spec', 'device_cgroup_rules', 'devices', 'domainname', 'gpus', 'group_add', 'init', 'ipc', 'isolation', 'mem_limit'],
      ...['mem_reservation', 'mem_swappiness', 'memswap_limit', 'oom_kill_disable', 'oom_score_adj', 'pid', 'pids_limit', 'platform', 'privileged'],
      ...['pull_policy', 'read_only', 'runtime', 'security_opt', 'shm_size', 'stdin_open', 'storage_opt', 'sysctls', 'tmpfs', 'tty', 'ulimits'],
      ...['user', 'userns_mode', 'uts', 'volumes_from', 'attach', 'post_start', 'pre_stop'],
    ].map((key) => [key, noContainer]),
  ),
};

export const topKeys: readonly string[] = ['services', 'version', 'name', 'networks', 'volumes'];

export const idleTopKeys: Readonly<Record<string, string>> = {
  secrets: 'give their content by environment or env_file',
  configs: 'give their content by environment or env_file',
  include: 'name the other files to heddle up as well',
};
