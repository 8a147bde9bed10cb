package configs

import "time"

// Default returns the configuration of an empty file.
func Default() Config {
	return Config{
		Listen: Listen{Postgres: "127.0.0.1:6432"},
		TLS:    TLS{Mode: "allow", MinVersion: "1.2"},
		Catalog: Catalog{
			Store:        "postgres",
			PollInterval: seconds(5),
			NegativeTTL:  seconds(1),
			Lease:        seconds(15),
		},
		Router: Router{Separator: ".", Region: "local"},
		Auth:   Auth{HideUnknownTenants: true},
		Pool: Pool{
			PoolMode:              "transaction",
			DefaultPoolSize:       20,
			ReservePoolTimeout:    seconds(5),
			MaxPreparedStatements: 200,
			ServerIdleTimeout:     minutes(10),
			ServerLifetime:        minutes(60),
			ServerConnectTimeout:  seconds(15),
			QueryWaitTimeout:      minutes(2),
			Engine:                "auto",
			Pin:                   true,
			Reset:                 "pinned",
		},
		Limits: Limits{MaxClientConn: 10000, ClientLoginTimeout: seconds(60)},
		Wake: Wake{
			IdleTimeout: minutes(5),
			Timeout:     seconds(30),

			ProvisionUnknownRate: 10,
			Process: Process{
				PGUser:      "postgres",
				Prepared:    2,
				KeepDeleted: Duration(7 * day),
			},
		},
		Meter: Meter{Window: seconds(10), Sync: seconds(1), TopN: 100},
		HTTP:  HTTP{Listen: "127.0.0.1:6480"},
		Log:   Log{Level: "info"},
		Drain: Drain{Timeout: seconds(10)},
	}
}

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }
func minutes(n int) Duration { return Duration(time.Duration(n) * time.Minute) }
