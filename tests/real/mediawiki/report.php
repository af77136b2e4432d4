<?php
// What the crawling page reports; renamed when it is whole.
file_put_contents( 'FOLDER/report.part', file_get_contents( 'php://input' ) );
rename( 'FOLDER/report.part', 'FOLDER/report.json' );
