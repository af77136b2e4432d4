<?php
// Two wikis of one tree, as a small farm has them: which one is said by MW_WIKI, in the request's
// parameters or in the environment of a maintenance script. FOLDER is the folder of this run.

$rig = 'FOLDER';
$wiki = getenv( 'MW_WIKI' );

$wgSitename = ucfirst( $wiki );
$wgScriptPath = '/w';
$wgArticlePath = '/wiki/$1';
$wgResourceBasePath = '/w';
$wgServer = "//$wiki.wiki.test";
$wgCanonicalServer = "http://$wiki.wiki.test";
$wgInternalServer = "http://$wiki.wiki.test";
$wgVaryOnXFP = true;
$wgLanguageCode = 'en';
$wgSecretKey = str_repeat( '5', 64 );
$wgUpgradeKey = str_repeat( '5', 16 );
$wgAuthenticationTokenVersion = '1';

$wgDBtype = 'sqlite';
$wgDBname = $wiki;
$wgSQLiteDataDir = "$rig/$wiki";
$wgEnableUploads = true;
$wgUploadDirectory = "$rig/$wiki/images";
$wgUploadPath = "//media.wiki.test/$wiki";
$wgFileExtensions = [ 'png', 'svg' ];
$wgCacheDirectory = "$rig/cache";
wfLoadSkin( 'Vector' );
$wgDefaultSkin = 'vector-2022';
$wgGroupPermissions['*']['edit'] = true;
$wgEnableEmail = false;
$wgRateLimits = [];

// One Redis for caches, sessions and jobs. Jobs run when a check says so.
$wgObjectCaches['redis'] = [ 'class' => 'RedisBagOStuff', 'servers' => [ "$rig/redis.sock" ] ];
$wgMainCacheType = 'redis';
$wgSessionCacheType = 'redis';
$wgParserCacheType = 'redis';
$wgMessageCacheType = 'redis';
$wgJobTypeConf['default'] = [ 'class' => 'JobQueueRedis', 'order' => 'fifo', 'daemonized' => true,
	'redisServer' => "$rig/redis.sock", 'redisConfig' => [], 'claimTTL' => 3600 ];
$wgJobRunRate = 0;

// What an edge needs to be told. The edge under test changes, and with it where purges go.
$wgUseCdn = true;
$wgCdnServers = preg_split( '/\s+/', file_get_contents( "$rig/purge" ), -1, PREG_SPLIT_NO_EMPTY );
$clears = preg_split( '/:/', file_get_contents( "$rig/htcp" ), -1, PREG_SPLIT_NO_EMPTY );
$wgHTCPRouting = $clears ? [ '' => [ 'host' => $clears[0], 'port' => (int)$clears[1] ] ] : [];
$brokers = file_get_contents( "$rig/brokers" );
if ( $brokers ) {
	// Each purge is an event in a topic, as Wikimedia has them.
	class Publisher extends EventRelayer {
		protected function doNotify( $channel, array $events ) {
			global $brokers;
			$kcat = popen( "kcat -P -b $brokers -t resource-purge -X linger.ms=0", 'w' );
			foreach ( $events as $event ) {
				$meta = [ 'uri' => wfExpandUrl( $event['url'], PROTO_INTERNAL ), 'dt' => gmdate( 'c' ) ];
				$event = [ '$schema' => '/resource_change/1.0.0', 'meta' => $meta, 'tags' => [ 'mediawiki' ] ];
				fwrite( $kcat, json_encode( $event ) . "\n" );
			}
			return pclose( $kcat ) === 0;
		}
	}
	$wgEventRelayerConfig['cdn-url-purges'] = [ 'class' => Publisher::class ];
}
$wgCdnServersNoPurge = [ '127.0.0.1' ];
$wgCdnMatchParameterOrder = false; // an edge that sorts parameters asks in its own order
$wgCdnReboundPurgeDelay = 10;
$wgCdnMaxAge = (int)file_get_contents( "$rig/max-age" );

// Pages wait here, already read from the database, for as long as a check holds them.
$wgHooks['BeforePageDisplay'][] = static function () use ( $rig ) {
	if ( file_exists( "$rig/hold" ) ) {
		touch( "$rig/held" );
		for ( $n = 0; $n < 1000 && file_exists( "$rig/hold" ); $n++ ) {
			usleep( 10000 );
			clearstatcache();
		}
	}
};

// Every answer tells the sum of its body before any coding, for crawlers to compare.
if ( PHP_SAPI !== 'cli' ) {
	ob_start( static function ( $body ) {
		$plain = str_starts_with( $body, "\x1f\x8b" ) ? gzdecode( $body ) : $body;
		header( 'X-Rig-Sum: ' . hash( 'fnv1a64', $plain ) );
		return $body;
	} );
}
